#!/usr/bin/env python3
"""Records what Postfix makes of the edits of a milter, as the table of src/milter/header_list_test.cc.

Needs root and Debian's postfix; nothing of the system's own Postfix is touched. A hand-made filter asks for the edits,
and a hand-made server takes the message behind Postfix.
  tests/oracle/milter_edits.py > src/milter/postfix_edits.inc
"""
import re
import socket
import struct
import sys
import threading

from private_postfix import Postfix, free_port

MESSAGE = (b"Received: (before)\r\nFrom: a@a.example\r\nX-A: one\r\nSubject:  two blanks\r\nX-B:tight\r\nx-a: two\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\n"
           b"X-Folded: one\r\n two\r\n\tthree\r\nX-A:\tthree\r\nMessage-Id: <1@a.example>\r\n\r\nbody\r\n")
ADD, INSERT, CHANGE = "AddHeader", "InsertHeader", "ChangeHeader"
FROM, RECIPIENT, REMOVE = "ChangeSender", "AddRecipient", "RemoveRecipient"
KIND = {ADD: b"h", INSERT: b"i", CHANGE: b"m", "ReplaceBody": b"b", FROM: b"e", RECIPIENT: b"+", REMOVE: b"-"}
RECIPIENTS = ("b@b.example", "e@B.EXAMPLE", '"d d"@b.example', "F@b.example")
LEADSPC = 0x100000

# name, edits, and whether the leading space is agreed on
CASES = [
    ("nothing", [], False),
    ("add_goes_below_all", [(ADD, "X-New", "v")], False),
    ("two_additions_keep_their_order", [(ADD, "X-1", "a"), (ADD, "X-2", "b")], False),
    ("add_of_an_empty_value", [(ADD, "X-New", "")], False),
    ("insert_0_is_above_our_received", [(INSERT, 0, "X-New", "v")], False),
    ("insert_1_is_below_our_received", [(INSERT, 1, "X-New", "v")], False),
    ("insert_2_is_below_the_first_header_of_the_message", [(INSERT, 2, "X-New", "v")], False),
    ("insert_past_the_end_is_an_addition", [(INSERT, 99, "X-New", "v")], False),
    ("insert_at_the_number_of_headers", [(INSERT, 11, "X-New", "v")], False),
    ("insert_before_the_last", [(INSERT, 10, "X-New", "v")], False),
    ("inserts_at_the_same_place_turn_their_order", [(INSERT, 1, "X-1", "a"), (INSERT, 1, "X-2", "b")], False),
    ("inserts_at_0_turn_their_order", [(INSERT, 0, "X-1", "a"), (INSERT, 0, "X-2", "b")], False),
    ("an_insert_counts_additions", [(ADD, "X-1", "a"), (INSERT, 11, "X-2", "b")], False),
    ("change_counts_from_1_in_any_case", [(CHANGE, 2, "X-A", "new")], False),
    ("change_0_is_taken_for_1", [(CHANGE, 0, "X-A", "new")], False),
    ("change_beyond_the_last_adds", [(CHANGE, 4, "X-A", "new")], False),
    ("change_of_a_name_that_is_not_there_adds", [(CHANGE, 1, "X-New", "new")], False),
    ("change_writes_the_name_as_the_filter_does", [(CHANGE, 1, "SUBJECT", "new")], False),
    ("an_empty_value_removes", [(CHANGE, 1, "X-A", "")], False),
    ("removing_what_is_not_there_does_nothing", [(CHANGE, 4, "X-A", "")], False),
    ("removed_headers_are_counted_no_more", [(CHANGE, 1, "X-A", ""), (CHANGE, 2, "X-A", "")], False),
    ("all_removed_from_the_last_on", [(CHANGE, 3, "X-A", ""), (CHANGE, 2, "X-A", ""), (CHANGE, 1, "X-A", "")], False),
    ("removed_headers_are_no_place_to_insert", [(CHANGE, 1, "From", ""), (INSERT, 2, "X-New", "v")], False),
    ("insert_after_removals_counts_what_is_left", [(CHANGE, 1, "X-A", ""), (INSERT, 3, "X-New", "v")], False),
    ("a_removed_one_that_is_changed_is_added", [(CHANGE, 1, "Subject", ""), (CHANGE, 1, "Subject", "new")], False),
    ("a_change_sees_additions", [(ADD, "X-New", "a"), (CHANGE, 1, "X-New", "b")], False),
    ("an_addition_can_be_removed", [(ADD, "X-New", "a"), (CHANGE, 1, "X-New", "")], False),
    ("an_addition_can_be_removed_between_others", [(ADD, "X-1", "a"), (ADD, "X-2", "b"), (ADD, "X-3", "c"), (CHANGE, 1, "X-2", "")], False),
    ("a_change_sees_what_was_inserted_at_1", [(INSERT, 1, "X-A", "zero"), (CHANGE, 1, "X-A", "new")], False),
    ("our_received_is_not_counted_by_a_change", [(CHANGE, 1, "Received", "new")], False),
    ("our_received_is_not_counted_by_a_second_change", [(CHANGE, 2, "Received", "new")], False),
    ("our_received_is_not_counted_by_a_removal", [(CHANGE, 1, "Received", ""), (CHANGE, 1, "Received", "")], False),
    ("below_an_insert_at_0_a_change_of_received", [(INSERT, 0, "X-New", "v"), (CHANGE, 1, "Received", "new")], False),
    ("below_an_insert_at_0_a_second_change_of_received", [(INSERT, 0, "X-New", "v"), (CHANGE, 2, "Received", "new")], False),
    ("below_an_insert_at_0_a_removal_of_received", [(INSERT, 0, "X-New", "v"), (CHANGE, 1, "Received", "")], False),
    ("below_an_insert_at_0_two_removals_of_received", [(INSERT, 0, "X-New", "v"), (CHANGE, 1, "Received", ""), (CHANGE, 1, "Received", "")], False),
    ("what_was_inserted_at_0_can_be_changed", [(INSERT, 0, "X-New", "v"), (CHANGE, 1, "X-New", "changed")], False),
    ("what_was_inserted_at_0_can_be_removed", [(INSERT, 0, "X-New", "v"), (CHANGE, 1, "X-New", "")], False),
    ("what_was_inserted_at_0_is_counted", [(INSERT, 0, "X-A", "zero"), (CHANGE, 1, "X-A", "changed")], False),
    ("a_received_inserted_at_0_and_changed", [(INSERT, 0, "Received", "v"), (CHANGE, 1, "Received", "changed")], False),
    ("two_inserted_at_0_and_changed", [(INSERT, 0, "X-1", "a"), (INSERT, 0, "X-2", "b"), (CHANGE, 1, "X-1", "c"), (CHANGE, 1, "X-2", "d")], False),
    ("an_insert_at_1_below_one_at_0", [(INSERT, 0, "X-1", "a"), (INSERT, 1, "X-2", "b"), (CHANGE, 1, "X-2", "c")], False),
    ("a_second_change_of_the_same", [(CHANGE, 1, "Subject", "a"), (CHANGE, 1, "Subject", "b")], False),
    ("a_folded_one_is_changed_whole", [(CHANGE, 1, "X-Folded", "flat")], False),
    ("a_folded_one_is_removed_whole", [(CHANGE, 1, "X-Folded", "")], False),
    ("insert_behind_a_folded_one", [(INSERT, 9, "X-New", "v")], False),
    ("folds_are_lf_in_the_protocol", [(ADD, "X-New", "a\n\tb\n c")], False),
    ("a_fold_without_a_blank_gets_a_tab", [(ADD, "X-New", "a\nb\nX-Evil: c")], False),
    ("an_empty_line_in_a_value", [(ADD, "X-New", "a\n\n b")], False),
    ("a_line_end_behind_a_value", [(ADD, "X-New", "a\n")], False),
    ("a_folded_change", [(CHANGE, 1, "Subject", "a\n b")], False),
    ("without_leading_space_one_blank_is_put_before", [(ADD, "X-New", " a"), (CHANGE, 1, "X-B", "b"), (INSERT, 1, "X-Ins", "\tc")], False),
    ("with_leading_space_values_are_verbatim", [(ADD, "X-New", " a"), (CHANGE, 1, "X-B", "b"), (INSERT, 1, "X-Ins", "\tc")], True),
    ("with_leading_space_an_empty_value_is_one", [(ADD, "X-New", "")], True),
    ("a_blank_is_a_value", [(CHANGE, 1, "X-A", " ")], True),
]
# The envelope. A recipient with parameters is ADDRCPT_PAR.
ENVELOPE = [
    ("the_sender_is_changed", [(FROM, "<c@c.example>", "")]),
    ("the_sender_without_brackets", [(FROM, "c@c.example", "")]),
    ("the_senders_parameters_are_ignored", [(FROM, "<c@c.example>", "RET=HDRS")]),
    ("the_null_sender", [(FROM, "<>", "")]),
    ("the_null_sender_without_brackets", [(FROM, "", "")]),
    ("the_last_sender_counts", [(FROM, "<c@c.example>", ""), (FROM, "<d@d.example>", "")]),
    ("a_recipient_is_added", [(RECIPIENT, "<n@n.example>")]),
    ("a_recipient_without_brackets", [(RECIPIENT, "n@n.example")]),
    ("a_quoted_recipient", [(RECIPIENT, '<"n n"@n.example>')]),
    ("a_recipient_with_parameters", [(RECIPIENT, "<n@n.example>", "NOTIFY=NEVER")]),
    ("the_null_recipient_is_not_added", [(RECIPIENT, "<>")]),
    ("a_recipient_that_is_there_is_added_again", [(RECIPIENT, "<b@b.example>")]),
    ("a_recipient_is_removed", [(REMOVE, "<b@b.example>")]),
    ("a_recipient_is_removed_without_brackets", [(REMOVE, "b@b.example")]),
    ("a_recipient_is_not_removed_with_its_domain_in_other_case", [(REMOVE, "<b@B.EXAMPLE>")]),
    ("a_recipient_is_not_removed_in_lower_case", [(REMOVE, "<e@b.example>")]),
    ("a_recipient_is_not_removed_with_its_local_part_in_other_case", [(REMOVE, "<f@b.example>")]),
    ("a_quoted_recipient_is_removed", [(REMOVE, '<"d d"@b.example>')]),
    ("a_recipient_that_is_not_there_is_not_removed", [(REMOVE, "<x@b.example>")]),
    ("a_recipient_is_added_and_removed", [(RECIPIENT, "<n@n.example>"), (REMOVE, "<n@n.example>")]),
    ("a_recipient_is_removed_and_added", [(REMOVE, "<b@b.example>"), (RECIPIENT, "<b@b.example>")]),
]
# What the next filter sees.
SECOND = [
    ("the_next_filter_sees_changes", [(CHANGE, 1, "X-A", ""), (ADD, "X-New", "v"), (INSERT, 1, "X-Ins", "v")]),
    ("what_the_next_filter_sees_of_an_insert_at_0", [(INSERT, 0, "X-New", "v")]),
    ("what_the_next_filter_sees_of_two_inserts_at_0", [(INSERT, 0, "X-1", "v"), (INSERT, 0, "X-2", "v")]),
]
BODIES = [
    ("one_chunk", ["new\r\n"]), ("a_last_line_without_an_end_gets_one", ["a\r\nb"]), ("a_bare_lf_ends_a_line", ["a\nb\r\nc\n"]),
    ("chunks_are_cut_anywhere", ["a\r", "\nb\r\n", "c"]), ("an_empty_chunk_is_an_empty_body", [""]), ("empty_lines", ["\r\n\r\n"]),
]


def packet(kind, data=b""):
    return struct.pack(">I", len(data) + 1) + kind + data


class Filter:
    """Speaks version 6 to Postfix; notes the headers that it saw."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.edits, self.steps, self.seen = [], 0, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            peer = self.listener.accept()[0].makefile("rwb")
            while head := peer.read(4):
                body = peer.read(struct.unpack(">I", head)[0])
                kind, data = body[:1], body[1:]
                if kind == b"Q":
                    break
                if kind in b"DA":
                    continue
                if kind == b"O":
                    self.seen = []
                    peer.write(packet(b"O", struct.pack(">III", 6, 0x1FF, self.steps)))
                elif kind == b"E":
                    for edit in self.edits:
                        peer.write(packet(b"2" if edit[0] == RECIPIENT and len(edit) == 3 else KIND[edit[0]], self.data(edit)))
                    peer.write(packet(b"c"))
                else:
                    if kind == b"L":
                        self.seen.append(data.split(b"\0")[:2])
                    peer.write(packet(b"c"))
                peer.flush()

    @staticmethod
    def data(edit):
        if edit[0] == "ReplaceBody":
            return edit[1].encode()
        if edit[0] in (FROM, RECIPIENT, REMOVE):
            return b"".join(text.encode() + b"\0" for text in edit[1:])
        index = struct.pack(">I", edit[1]) if edit[0] != ADD else b""
        return index + b"".join(text.encode() + b"\0" for text in edit[-2:])


class Server:
    """Takes messages by SMTP."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.arrived, self.message = threading.Event(), b""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            threading.Thread(target=self.talk, args=(self.listener.accept()[0].makefile("rwb"),), daemon=True).start()

    @staticmethod
    def line(peer):
        try:
            return peer.readline()
        except ConnectionResetError:
            return b""

    def talk(self, peer):
        def say(line):
            peer.write(line + b"\r\n")
            peer.flush()
        say(b"220 server")
        envelope = []
        while (line := self.line(peer)):
            if line.upper().startswith(b"DATA"):
                say(b"354 go on")
                lines = []
                while (line := peer.readline()) != b".\r\n":
                    lines.append(line[1:] if line.startswith(b".") else line)
                say(b"250 taken")
                self.message, self.envelope = b"".join(lines), envelope
                self.arrived.set()
            else:
                if line.upper().startswith((b"MAIL", b"RCPT")):
                    envelope.append(re.search(rb"<.*>", line).group().decode())
                say(b"250 ok")


class Edited(Postfix):
    def __init__(self, milter, second, server):
        self.port = free_port()
        super().__init__(f"""compatibility_level = 3.6
myhostname = hub.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_header_rewrite_clients =
local_recipient_maps =
alias_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{server.port}
smtp_host_lookup = native
smtpd_milters = inet:127.0.0.1:{milter.port}, inet:127.0.0.1:{second.port}
disable_dns_lookups = yes
""", f"127.0.0.1:{self.port} inet n - n - - smtpd\n")

    def send(self):
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=20).makefile("rwb")
        replies = [peer.readline()]
        for line in (b"HELO a.example", b"MAIL FROM:<a@a.example>", *(f"RCPT TO:<{one}>".encode() for one in RECIPIENTS), b"DATA", MESSAGE + b"."):
            peer.write(line + b"\r\n")
            peer.flush()
            replies.append(peer.readline())
        if not replies[-1].startswith(b"250"):
            sys.exit(f"Postfix did not take the message: {replies}")
        peer.write(b"QUIT\r\n")
        peer.flush()
        peer.readline()


def literal(text):
    """A C++ string."""
    text = text if isinstance(text, str) else text.decode()
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")
    return f'"{text}"'


def expression(edit):
    words = [str(word) if isinstance(word, int) else literal(word) for word in edit[1:]]
    if edit[0] == RECIPIENT and len(edit) == 2:
        words.append("{}")
    return f"{edit[0]}{{{', '.join(words)}}}"


def main():
    milter, second, server = Filter(), Filter(), Server()
    postfix = Edited(milter, second, server)
    try:
        record(milter, second, server, postfix)
    finally:
        postfix.close()


def record(milter, second, server, postfix):
    print("// What Postfix 3.7 made of these edits, recorded by tests/oracle/milter_edits.py. Not to be changed by hand.")

    def result(edits, steps):
        milter.edits, milter.steps = edits, steps
        server.arrived.clear()
        postfix.send()
        if not server.arrived.wait(30):
            sys.exit(f"no message came: {edits}; see {postfix.top}/log")
        # What is not the same twice.
        message = re.sub(rb"Received: from .*?\r\n(?=[^\t ])", b"Received: ours\r\n", server.message, flags=re.S)
        header, _, body = message.partition(b"\r\n\r\n")
        return header, body
    for name, edits, leading in CASES:
        header, body = result(edits, LEADSPC if leading else 0)
        header += b"\r\n"
        if body != b"body\r\n":
            sys.exit(f"{name}: the body is {body}")
        print(f"HEADER_CASE({name}, {'kept' if leading else 'taken_off'}, ({', '.join(map(expression, edits))}), {literal(header)})")
    for leading in (False, True):
        result([], LEADSPC if leading else 0)
        for name, value in milter.seen:
            print(f"SEEN_CASE({'kept' if leading else 'taken_off'}, {literal(name)}, {literal(value)})")
    for name, edits in ENVELOPE:
        result(edits, 0)
        print(f"ENVELOPE_CASE({name}, ({', '.join(map(expression, edits))}), ({', '.join(map(literal, server.envelope[:1] + sorted(server.envelope[1:])))}))")
    for name, edits in SECOND:
        result(edits, 0)
        print(f"SECOND_CASE({name}, ({', '.join(map(expression, edits))}), {literal(chr(10).join(seen[0].decode() for seen in second.seen))})")
    for name, chunks in BODIES:
        _, body = result([("ReplaceBody", chunk) for chunk in chunks], 0)
        print(f"BODY_CASE({name}, ({', '.join(map(literal, chunks))}), {literal(body)})")


if __name__ == "__main__":
    main()
