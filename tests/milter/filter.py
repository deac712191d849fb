#!/usr/bin/python3
"""A filter on libmilter, by Debian's python3-milter, for src/milter/peers_test.cc: filter.py SOCKET.

Prints "ready" once it listens. What it saw of a message it tells in an added header.
"""
import sys

import Milter
import milter

ALL = (Milter.ADDHDRS + Milter.CHGHDRS + Milter.CHGBODY + Milter.ADDRCPT + Milter.DELRCPT + Milter.QUARANTINE + Milter.CHGFROM
       + Milter.ADDRCPT_PAR + Milter.SETSYMLIST)


class Filter(Milter.Base):
    def __init__(self):
        self.seen = []

    def see(self, *words):
        self.seen.append(" ".join(str(word) for word in words))
        return Milter.CONTINUE

    def negotiate(self, options):
        super().negotiate(options)
        # Milter's own setsymlist() hands octets to what takes only str.
        self._ctx.setsymlist(Milter.M_ENVRCPT, "i {rcpt_addr}")
        return Milter.CONTINUE

    def connect(self, hostname, family, hostaddr):
        return self.see("connect", hostname, hostaddr[0], self.getsymval("j"))

    def hello(self, name):
        return self.see("helo", name)

    def envfrom(self, path, *parameters):
        return self.see("mail", path, *parameters, self.getsymval("{mail_addr}"))

    def envrcpt(self, path, *parameters):
        if path == "<no@b.example>":
            self.setreply("550", "5.1.1", "100%% unknown", "really")
            return Milter.REJECT
        return self.see("rcpt", path, *parameters, self.getsymval("i"))

    def data(self):
        return self.see("data")

    @Milter.noreply
    def header(self, name, value):
        return self.see("header", name, repr(value[:20]), len(value))

    def eoh(self):
        return self.see("eoh")

    def body(self, chunk):
        self.see("body", len(chunk))
        return Milter.SKIP

    def eom(self):
        self.progress()
        self.addheader("X-Seen", "\n ".join(self.seen))
        self.addheader("X-Top", "v", 0)
        self.chgheader("Subject", 1, "new")
        self.chgheader("X-Gone", 1, "")
        self.chgfrom("<c@c.example>", "RET=HDRS")
        self.addrcpt("<d@d.example>")
        self.addrcpt("<e@e.example>", "NOTIFY=NEVER")
        self.delrcpt("<b@b.example>")
        self.quarantine("held")
        self.replacebody(b"x" * 100000)
        self.seen = []
        return Milter.ACCEPT

    def abort(self):
        self.seen = ["aborted"]
        return Milter.CONTINUE


Milter.factory = Filter
Milter.set_flags(ALL)


def main():
    opened = milter.opensocket

    def opensocket(*arguments):
        opened(*arguments)
        print("ready", flush=True)
    milter.opensocket = opensocket
    Milter.runmilter("hikyaku-test", sys.argv[1], 20)


main()
