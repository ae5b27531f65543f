/** What desktops look up of all apps that are installed, made by the programs that Flatpak's triggers run. */

const SHARE = 'exports/share';

/** Each with the directory that it is about, below the installation; it runs if that is there. */
export function indexPrograms(
  themes: readonly string[],
): { needs: string; argv: (dir: string) => string[] }[] {
  return [
    { needs: `${SHARE}/applications`, argv: (dir) => ['update-desktop-database', '-q', dir] },
    {
      needs: `${SHARE}/mime/packages`,
      argv: (dir) => ['update-mime-database', dir.replace(/\/packages$/, '')],
    },
    ...themes.map((theme) => ({
      needs: `${SHARE}/icons/${theme}/index.theme`,
      argv: (file: string) => ['gtk-update-icon-cache', '-q', '-f', file.replace(/\/index\.theme$/, '')],
    })),
  ];
}
