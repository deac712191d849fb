"""A server for one zone that takes updates, by dnspython, which has no line in common with the hub: it says where the zone is,
checks the signature of each update, and prints what came as a line of JSON. The system's Python has
dnspython; with -P it does not take the dns.py that is beside this file for it.

usage: python3 -P dns_zone.py ZONE [--key NAME:ALGORITHM:SECRET] [--cut-off] [--refuse]
--cut-off: over UDP answers are cut off, so that TCP must be used. Its first line is the port.
"""
import argparse
import json
import socket
import socketserver
import struct
import threading

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rrset
import dns.tsig

parser = argparse.ArgumentParser()
parser.add_argument("zone")
parser.add_argument("--key")
parser.add_argument("--cut-off", action="store_true")
parser.add_argument("--refuse", action="store_true")
options = parser.parse_args()
keyring = {}
if options.key:
    name, algorithm, secret = options.key.split(":")
    keyring[dns.name.from_text(name)] = dns.tsig.Key(name, secret, algorithm)
telling = threading.Lock()


def tell(**what):
    with telling:
        print(json.dumps(what), flush=True)


def answer(octets, over):
    try:
        message = dns.message.from_wire(octets, keyring=keyring)
    except (dns.exception.DNSException, dns.message.UnknownTSIGKey) as problem:
        tell(over=over, problem=type(problem).__name__)
        reply = dns.message.Message(struct.unpack("!H", octets[:2])[0])
        reply.flags = dns.flags.QR | octets[2] << 8 & 0x7800
        reply.set_rcode(dns.rcode.NOTAUTH)
        return reply.to_wire()
    reply = dns.message.make_response(message)
    if message.opcode() == dns.opcode.QUERY:
        reply.set_rcode(dns.rcode.NXDOMAIN)
        reply.authority.append(dns.rrset.from_text(options.zone, 60, "IN", "SOA", f"ns.{options.zone} admin.{options.zone} 1 2 3 4 5"))
        return reply.to_wire()
    if over == "udp" and options.cut_off:
        reply.flags |= dns.flags.TC
        return reply.to_wire()
    zone, = message.zone
    tell(over=over, zone=zone.name.to_text(), records=[one.to_text() for one in message.update], key=message.keyname and message.keyname.to_text(),
         algorithm=message.keyalgorithm and message.keyalgorithm.to_text())
    if options.refuse:
        reply.set_rcode(dns.rcode.REFUSED)
    return reply.to_wire()


class Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        while len(head := self.rfile.read(2)) == 2:
            reply = answer(self.rfile.read(struct.unpack("!H", head)[0]), "tcp")
            self.wfile.write(struct.pack("!H", len(reply)) + reply)


udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    udp.bind(("127.0.0.1", 0))
    try:
        tcp = socketserver.ThreadingTCPServer(udp.getsockname(), Tcp)
        break
    except OSError:
        udp.close()
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
tcp.daemon_threads = True
threading.Thread(target=tcp.serve_forever, daemon=True).start()
print(udp.getsockname()[1], flush=True)
while True:
    octets, peer = udp.recvfrom(65535)
    udp.sendto(answer(octets, "udp"), peer)
