-- An MTA by Debian's miltertest, for src/milter/peers_test.cc, which sets SOCKET and answers at its other end.
local function check(holds, what)
  if not holds then error(what) end
end
local function expect(conn, answer, what)
  check(mt.getreply(conn) == answer, what .. " was answered with " .. mt.getreply(conn))
end

local conn = mt.connect("local:" .. SOCKET)
check(conn ~= nil, "no connection")
-- The manual has the actions before the steps; miltertest sends them the other way round.
check(mt.negotiate(conn, 6, SMFIP_SKIP + SMFIP_NR_HDR, 0x1FF) == nil, "no negotiation")
check(mt.test_action(conn, SMFIF_ADDHDRS), "headers are to be added")
check(mt.test_option(conn, SMFIP_NR_HDR), "no replies to headers")

mt.macro(conn, SMFIC_CONNECT, "j", "hub.example")
check(mt.conninfo(conn, "mx.example", "192.0.2.1") == nil, "connect")
expect(conn, SMFIR_CONTINUE, "connect")
check(mt.helo(conn, "mx.example") == nil, "helo")
expect(conn, SMFIR_CONTINUE, "helo")

for message = 1, 2 do
  mt.macro(conn, SMFIC_MAIL, "i", "4Q" .. message)
  check(mt.mailfrom(conn, "<a@a.example>", "SIZE=12") == nil, "mail")
  expect(conn, SMFIR_CONTINUE, "mail")
  check(mt.rcptto(conn, "<no@b.example>") == nil, "rcpt")
  expect(conn, SMFIR_REPLYCODE, "rcpt")
  check(mt.rcptto(conn, "<b@b.example>") == nil, "rcpt")
  expect(conn, SMFIR_CONTINUE, "rcpt")
  check(mt.data(conn) == nil, "data")
  check(mt.header(conn, "Subject", "x") == nil, "header")
  check(mt.eoh(conn) == nil, "end of headers")
  check(mt.bodystring(conn, "body\r\n") == nil, "body")
  expect(conn, SMFIR_SKIP, "body")
  check(mt.eom(conn) == nil, "end of message")
  expect(conn, SMFIR_ACCEPT, "end of message")
  check(mt.eom_check(conn, MT_HDRADD, "X-Seen", "4Q" .. message .. " hub.example"), "X-Seen: " .. tostring(mt.getheader(conn, "X-Seen", 0)))
  check(mt.eom_check(conn, MT_HDRINSERT, "X-Top"), "X-Top")
  check(mt.eom_check(conn, MT_HDRCHANGE, "Subject", "new"), "Subject")
  check(mt.eom_check(conn, MT_HDRDELETE, "X-Gone"), "X-Gone")
  check(mt.eom_check(conn, MT_RCPTADD, "<d@d.example>"), "a recipient")
  check(mt.eom_check(conn, MT_RCPTDELETE, "<b@b.example>"), "no recipient")
  check(mt.eom_check(conn, MT_BODYCHANGE), "a body")
  check(mt.eom_check(conn, MT_QUARANTINE, "held"), "a quarantine")
end
mt.mailfrom(conn, "<a@a.example>")
mt.abort(conn)
mt.disconnect(conn)
