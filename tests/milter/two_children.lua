-- An MTA by Debian's miltertest, for tests/e2e/test_milter_peers.py, which sets SOCKET: behind it is the multiplexer with filter.c twice,
-- the first of which makes one change of each kind.
local function check(holds, what)
  if not holds then error(what) end
end
local function expect(conn, answer, what)
  check(mt.getreply(conn) == answer, what .. " was answered with " .. tostring(mt.getreply(conn)))
end

local conn = mt.connect("local:" .. SOCKET)
check(conn ~= nil, "no connection")
-- The manual has the actions before the steps; miltertest sends them the other way round.
check(mt.negotiate(conn, 6, SMFIP_SKIP, 0x1FF) == nil, "no negotiation")
check(mt.test_action(conn, SMFIF_ADDHDRS), "headers are to be added")
check(mt.test_action(conn, SMFIF_CHGBODY), "the body is to be changed")

mt.macro(conn, SMFIC_CONNECT, "j", "hub.example")
check(mt.conninfo(conn, "mx.example", "192.0.2.1") == nil, "connect")
expect(conn, SMFIR_CONTINUE, "connect")
check(mt.helo(conn, "mx.example") == nil, "helo")
expect(conn, SMFIR_CONTINUE, "helo")

for message = 1, 2 do
  mt.macro(conn, SMFIC_MAIL, "i", "4Q" .. message)
  check(mt.mailfrom(conn, "<a@a.example>", "SIZE=12") == nil, "mail")
  expect(conn, SMFIR_CONTINUE, "mail")
  for _, recipient in ipairs({"<b@dest.example>", "<gone@dest.example>"}) do
    check(mt.rcptto(conn, recipient) == nil, "rcpt")
    expect(conn, SMFIR_CONTINUE, "rcpt")
  end
  check(mt.data(conn) == nil, "data")
  expect(conn, SMFIR_CONTINUE, "data")
  check(mt.header(conn, "Subject", "as it was") == nil, "header")
  check(mt.header(conn, "From", "a@a.example") == nil, "header")
  check(mt.eoh(conn) == nil, "end of headers")
  check(mt.bodystring(conn, "the old body\r\n") == nil, "body")
  check(mt.eom(conn) == nil, "end of message")
  check(mt.getreply(conn) == SMFIR_ACCEPT or mt.getreply(conn) == SMFIR_CONTINUE, "end of message")
  check(mt.eom_check(conn, MT_HDRADD, "X-Queue-Id", "4Q" .. message), "X-Queue-Id: " .. tostring(mt.getheader(conn, "X-Queue-Id", 0)))
  check(mt.eom_check(conn, MT_HDRINSERT, "X-First", "top"), "X-First")
  check(mt.eom_check(conn, MT_HDRCHANGE, "Subject", "changed by C"), "Subject")
  check(mt.eom_check(conn, MT_RCPTDELETE, "<gone@dest.example>"), "no recipient")
  check(mt.eom_check(conn, MT_BODYCHANGE, "a new body\r\n"), "a body")
  check(not mt.eom_check(conn, MT_HDRDELETE, "X-Gone"), "nothing was deleted")
end
mt.disconnect(conn)
