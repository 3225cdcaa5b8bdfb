"""An S3 server for tests: inside the test process, or any other that an environment variable names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from deid_platform.store.s3 import S3Connection

ENDPOINT_VARIABLE = "DEID_TEST_S3_ENDPOINT"


@contextmanager
def s3_server() -> Iterator[S3Connection]:
    """A connection to a server on the loopback interface, started for the block and without buckets.

    Where ``DEID_TEST_S3_ENDPOINT`` is set, to that server instead, with the credentials of the environment.
    """
    if endpoint := os.environ.get(ENDPOINT_VARIABLE):
        yield _connection(endpoint, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        return
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield _connection(f"http://{host}:{port}", "testing", "testing")
    finally:
        server.stop()


def _connection(endpoint: str, key: str, secret: str) -> S3Connection:
    return S3Connection(
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        max_attempts=5,  # moto loses requests when threads write one key
    )
