"""A server for one zone that is signed (RFC 4034), by dnspython: each name has the records it was given, with their signatures;
what is not there has no proof of that. The system's Python has dnspython; with -P it does not take the dns.py that is beside
this file for it.

usage: python3 -P dns_signed.py ZONE ANCHOR RECORD...
ANCHOR: the file to which the zone's key is written, for those who are to trust it. A record is "NAME TYPE DATA", a name ends
in a dot. Its first line is the port.
"""
import socket
import sys
import time

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
from cryptography.hazmat.primitives.asymmetric import ec

zone = dns.name.from_text(sys.argv[1])
private = ec.generate_private_key(ec.SECP256R1())
key = dns.dnssec.make_dnskey(private.public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256, flags=257)
sets = {}
for record in [f"{zone} DNSKEY {key}", *sys.argv[3:]]:
    name, kind, data = record.split(" ", 2)
    sets[dns.name.from_text(name), dns.rdatatype.from_text(kind)] = dns.rrset.from_text(name, 60, "IN", kind, data)
with open(sys.argv[2], "w", encoding="ascii") as anchor:
    anchor.write(f"{zone} IN DNSKEY {key}\n")


def signature(records):
    now = int(time.time())
    return dns.rrset.from_rdata(records.name, 60, dns.dnssec.sign(records, private, zone, key, inception=now - 3600, expiration=now + 3600))


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    octets, peer = server.recvfrom(65535)
    query = dns.message.from_wire(octets)
    reply = dns.message.make_response(query, recursion_available=True)
    asked = query.question[0]
    if records := sets.get((asked.name, asked.rdtype)):
        reply.answer += [records, signature(records)]
    server.sendto(reply.to_wire(), peer)
