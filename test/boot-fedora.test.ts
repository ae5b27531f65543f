/** An appliance of Fedora's family, out of packages that are cut out of a Debian system, boots; and a container of it. */
import { bootsAppliance, FEDORA } from './support/repos/appliance.ts';

bootsAppliance(FEDORA);
