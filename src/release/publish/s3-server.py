"""An S3 server for tests: OpenStack Swift with its S3 interface, all in one process, on loopback.

Arguments: a directory for its data, an access key, its secret, and one of somebody who owns nothing. Prints its port.
Unlike the small imitations, it checks signatures.
"""
import os
import sys
from time import time as now

import eventlet
import eventlet.hubs

eventlet.monkey_patch()

from eventlet import wsgi  # noqa: E402
from swift.common import utils  # noqa: E402

utils.HASH_PATH_SUFFIX = b'test'
utils.validate_configuration = lambda: None

from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.storage_policy import POLICIES  # noqa: E402,F401
from swift.common.wsgi import loadapp  # noqa: E402


class Cache:
    """Stands in for memcached, without which Swift does not start."""

    def __init__(self):
        self.values = {}

    def get(self, key, **_):
        value, until = self.values.get(key, (None, 0))
        return value if until > now() else None

    def set(self, key, value, time=0, **_):
        self.values[key] = (value, now() + (time or 60))

    def delete(self, key, **_):
        self.values.pop(key, None)

    def incr(self, key, delta=1, time=0, **_):
        self.set(key, int(self.get(key) or 0) + delta, time)
        return self.get(key)

    def decr(self, key, delta=1, time=0, **_):
        return self.incr(key, -delta, time)


KINDS = ['account', 'container', 'object']


def main(root, access, secret, other):
    sockets = {kind: eventlet.listen(('127.0.0.1', 0)) for kind in KINDS + ['proxy']}
    os.makedirs(os.path.join(root, 'devices', 'd1'), exist_ok=True)
    common = f'swift_dir = {root}\ndevices = {root}/devices\nmount_check = false\nuser = root\n'
    for kind in KINDS:
        port = sockets[kind].getsockname()[1]
        builder = RingBuilder(4, 1, 1)
        builder.add_dev({'id': 0, 'region': 1, 'zone': 1, 'weight': 1, 'ip': '127.0.0.1', 'port': port,
                         'device': 'd1', 'meta': '', 'replication_ip': '127.0.0.1', 'replication_port': port})
        builder.rebalance()
        builder.get_ring().save(os.path.join(root, f'{kind}.ring.gz'))
        write(root, kind, f'[DEFAULT]\n{common}[pipeline:main]\npipeline = app\n[app:app]\nuse = egg:swift#{kind}\n')
    account, user = access.split(':')
    other_account, other_user = other.split(':')
    write(root, 'proxy', f'''[DEFAULT]
{common}
[pipeline:main]
pipeline = catch_errors listing_formats bulk s3api tempauth slo dlo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret} .admin
user_{other_account}_{other_user} = {secret} .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
''')
    quiet = open(os.devnull, 'w')
    for kind, socket in sockets.items():
        app = loadapp(os.path.join(root, f'{kind}.conf'))
        eventlet.spawn(wsgi.server, socket, with_cache(app) if kind == 'proxy' else app, log=quiet)
    print(sockets['proxy'].getsockname()[1], flush=True)
    eventlet.hubs.trampoline(sys.stdin.fileno(), read=True)  # it ends with whoever started it


def with_cache(app):
    cache = Cache()

    def call(env, start_response):
        env['swift.cache'] = cache
        return app(env, start_response)

    return call


def write(root, kind, text):
    with open(os.path.join(root, f'{kind}.conf'), 'w') as file:
        file.write(text)


main(*sys.argv[1:])
