import { aptDistro } from '../apt/index.ts';
import { ubuntuData } from './data.ts';

export default aptDistro(ubuntuData, '/usr/share/keyrings/ubuntu-archive-keyring.gpg');
