#!/usr/bin/env python3
"""Memory of the hub with many idle connections, each after EHLO.

usage: bench/idle.py [--connections 10000] [--json FILE]
"""
import argparse
import resource
import shutil
import socket

from peers import CountingSink, arguments, memory, start_both, work_folder, write_json


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser)
    parser.add_argument("--connections", type=int, default=10000)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, options.connections + 1000), hard))
    folder = work_folder(options)
    sink = CountingSink(folder)
    peer = start_both(folder, [sink], options.binary, postfix=False)[0]
    held = []
    try:
        before = memory(peer.pid)
        for number in range(options.connections):
            one = socket.create_connection(("127.0.0.1", peer.relay), 20, (f"127.0.0.{number % 8 + 1}", 0))
            one.recv(4096)
            one.sendall(b"EHLO idle.example\r\n")
            one.recv(4096)
            held.append(one)
        after = memory(peer.pid)
        for one in held[:: max(1, options.connections // 100)]:  # they are still served
            one.sendall(b"NOOP\r\n")
            assert one.recv(4096).startswith(b"250"), "an idle connection is not answered"
    finally:
        for one in held:
            one.close()
        peer.stop()
        sink.stop()
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    figures = {"connections": options.connections, "before_mib": before / 2**20, "with_mib": after / 2**20,
               "kib_each": (after - before) / 1024 / options.connections}
    print("{connections} idle connections: {before_mib:.1f} MiB before, {with_mib:.1f} MiB with them, {kib_each:.1f} KiB each".format(**figures))
    write_json(options, figures)


if __name__ == "__main__":
    main()
