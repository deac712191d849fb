"""What systemd gives a hub and wants of it: sockets that listen, one capability, a word when it is ready, a watchdog."""
import os
import shutil
import socket
import subprocess
from pathlib import Path

from client import Client
from hub import free_port
from marks import Skip


def listening(family=socket.AF_INET, kind=socket.SOCK_STREAM, host="127.0.0.1", port=0, alone=True):
    one = socket.socket(family, kind)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(alone))
    one.bind((host, port))
    if kind == socket.SOCK_STREAM:
        one.listen()
    return one


def test_a_socket_that_is_handed_over_is_listened_on_and_stays_when_the_hub_has_gone(lab):
    hub = lab.hub(start=False)
    with listening(port=hub.port) as door:
        hub.start(sockets=[door])
        with Client(hub.port) as client:
            client.ehlo("pc.example.com")
            client.quit()
        hub.stop()
        # Nobody is refused meanwhile: the next hub answers.
        with socket.create_connection(("127.0.0.1", hub.port)) as waiting:
            hub.start(sockets=[door])
            assert waiting.recv(4) == b"220 "
        hub.reload()
        hub.wait_log("reload -- configuration")
        Client(hub.port).quit()


def test_both_families_are_handed_over_each_by_itself(lab):
    hub = lab.hub(start=False)
    (hub.conf / "master.cf").write_text((hub.conf / "master.cf").read_text() + f"[::1]:{hub.port} inet n - n - - smtpd\n")
    with listening(port=hub.port) as v4, listening(socket.AF_INET6, host="::1", port=hub.port) as v6:
        hub.start(sockets=[v4, v6])
        for host, source in (("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
            Client(hub.port, host, source).quit()


def test_what_can_not_be_used_of_the_sockets_is_told(lab):
    hub = lab.hub(start=False)
    with listening(kind=socket.SOCK_DGRAM) as datagrams, listening(socket.AF_INET6, host="::", alone=False) as both, listening() as unused:
        hub.start(sockets=[datagrams, both, unused])
        said = "\n".join(hub.lines)
        assert "socket 3 of systemd is not used: it does not listen for TCP" in said, said
        assert "socket 4 of systemd is not used: it takes IPv4 too" in said and "BindIPv6Only=ipv6-only" in said, said
        hub.wait_log(f"systemd listens on 127.0.0.1 port {unused.getsockname()[1]} for us, and no line of master.cf does")
    Client(hub.port).quit()


def test_systemd_is_told_when_it_is_ready_and_that_it_is_well(lab):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(lab.folder / "notify"))
        told.settimeout(30)
        hub = lab.hub(start=False)
        hub.start(environment={"NOTIFY_SOCKET": str(lab.folder / "notify"), "WATCHDOG_USEC": "200000"})
        assert told.recv(100) == b"READY=1"
        assert [told.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        hub.reload()
        words = [told.recv(100)]
        while words[-1] != b"READY=1":
            words.append(told.recv(100))
        assert b"RELOADING=1" in words, words
        hub.begin_stop()
        while words[-1] != b"STOPPING=1":
            words.append(told.recv(100))
        hub.stop()


LOW_PORTS = iter(range(1023, 600, -1))  # each is tried once: tests run beside each other


def low_port():
    for port in LOW_PORTS:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Skip("no port below 1024 is free")


# Refuses capset(2), as systemd does with SystemCallFilter=~@privileged, and becomes its arguments.
NO_CAPSET = """
import ctypes, os, sys
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
rules = ctypes.c_void_p(seccomp.seccomp_init(0x7fff0000))
assert seccomp.seccomp_rule_add(rules, 0x00050001, seccomp.seccomp_syscall_resolve_name(b"capset"), 0) == 0
assert seccomp.seccomp_load(rules) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def nobodys_hub(lab, *by):
    """One of nobody's with CAP_NET_BIND_SERVICE, on a port below 1024."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv")
    hub = lab.hub(start=False)
    hub.ports["smtp"] = low_port()
    hub.configure("")
    subprocess.run(["chown", "-R", "nobody:nogroup", str(hub.home)], check=True)
    for folder in (lab.folder, *lab.folder.parents):
        if not os.stat(folder).st_mode & 1:
            folder.chmod(0o755)
    hub.start(by=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs", "--inh-caps=+net_bind_service",
                  "--ambient-caps=+net_bind_service", *by])
    Client(hub.port).quit()
    return hub


def holds_nothing(hub):
    held = {task.name: line for task in Path(f"/proc/{hub.pid}/task").iterdir() for line in (task / "status").read_text().splitlines()
            if line.startswith(("CapEff", "CapPrm", "CapAmb")) and int(line.split()[1], 16)}
    assert not held, held


def test_the_capability_to_open_low_ports_is_given_up_once_they_are_open(lab):
    hub = nobodys_hub(lab)
    holds_nothing(hub)
    # Another port below 1024 then needs a restart, which is told; the one that is there stays.
    before = hub.port
    hub.ports["more"] = low_port()
    hub.services["more"] = ""
    hub.configure("")
    hub.reload()
    hub.wait_log(f"listen on 127.0.0.1 port {hub.ports['more']}: Permission denied; ports below 1024 can be opened at the start alone")
    Client(before).quit()


def test_where_no_capability_can_be_given_up_the_hub_begins_once_more_without_it(lab):
    if not Path("/usr/bin/python3").exists():
        raise Skip("needs Debian's python3")
    hub = nobodys_hub(lab, "/usr/bin/python3", "-c", NO_CAPSET)
    holds_nothing(hub)
    assert Path(f"/proc/{hub.pid}/comm").read_text() == "hikyaku\n"
    # The port is its own, and is closed when no line wants it any more.
    before, hub.ports["smtp"] = hub.port, free_port()
    hub.configure("")
    hub.reload()
    hub.wait_log("reload -- configuration")
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", before)) != 0
    Client(hub.port).quit()


def test_a_port_that_is_taken_ends_the_start_with_its_name(lab):
    hub = lab.hub(start=False)
    with listening(port=hub.port):
        done = subprocess.run([lab.binary, "serve", "-c", str(hub.conf)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 71 and f"listen on 127.0.0.1 port {hub.port}: Address already in use" in done.stderr, done


def test_a_socket_of_another_address_that_takes_the_port_is_named(lab):
    hub = lab.hub(start=False)
    with listening(host="0.0.0.0", port=hub.port) as door:
        begin = f'exec 3<&{door.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve -c "$1"'
        done = subprocess.run(["bash", "-c", begin, lab.binary, str(hub.conf)], pass_fds=[door.fileno()], capture_output=True, text=True, timeout=60)
    told = f"listen on 127.0.0.1 port {hub.port}: Address already in use; systemd has opened 0.0.0.0 port {hub.port}: ListenStream="
    assert done.returncode == 71 and told in done.stderr, done
