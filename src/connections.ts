/**
 * What `fetch` uses from the moment this is imported: proxies that the environment names (http_proxy, https_proxy,
 * no_proxy), and no crash where a server ends its connection while the reader is busy, which Node 24's own does
 * (nodejs/undici#5360).
 */
import { EnvHttpProxyAgent, setGlobalDispatcher } from 'undici';

setGlobalDispatcher(new EnvHttpProxyAgent());
