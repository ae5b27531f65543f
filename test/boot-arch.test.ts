/** An appliance of Arch's family, out of packages that are cut out of a Debian system, boots. */
import { ARCH, bootsAppliance } from './support/repos/appliance.ts';

bootsAppliance(ARCH);
