/** Partition layouts by name. */
import type { DiskLayout } from '../layout.ts';
import { applianceLayout } from './appliance.ts';
import { pinebookProLayout, rpiLayout } from './boards.ts';
import { desktopArm64Layout, desktopLayout, dosLayout, sdbootLayout } from './desktop.ts';
import { edge2024Layout, edge2026Layout } from './edge.ts';

export const LAYOUTS: ReadonlyMap<string, DiskLayout> = new Map(
  [
    ...[applianceLayout, desktopLayout, desktopArm64Layout, dosLayout, sdbootLayout],
    ...[rpiLayout, pinebookProLayout, edge2024Layout, edge2026Layout],
  ].map((layout) => [layout.name, layout]),
);
