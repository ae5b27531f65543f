import { aptDistro } from '../apt/index.ts';
import { debianData } from './data.ts';

export default aptDistro(debianData, '/usr/share/keyrings/debian-archive-keyring.gpg');
