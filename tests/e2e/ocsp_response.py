"""Writes the response of an OCSP responder whose time is over, which openssl ocsp can't make. The system's Python has cryptography.

usage: python3 -P ocsp_response.py CERTIFICATE ISSUER ISSUER_KEY RESPONSE
"""
import datetime
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

certificate, issuer = (x509.load_pem_x509_certificate(Path(name).read_bytes()) for name in sys.argv[1:3])
key = serialization.load_pem_private_key(Path(sys.argv[3]).read_bytes(), None)
day = datetime.timedelta(days=1)
now = datetime.datetime.utcnow()
response = ocsp.OCSPResponseBuilder().add_response(
    certificate, issuer, hashes.SHA1(), ocsp.OCSPCertStatus.GOOD, now - 3 * day, now - day, None, None).responder_id(ocsp.OCSPResponderEncoding.HASH, issuer)
Path(sys.argv[4]).write_bytes(response.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))
