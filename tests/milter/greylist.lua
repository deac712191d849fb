-- An MTA by Debian's miltertest, for tests/e2e/test_greylist_miltertest.py, which sets SOCKET and PLAN and reads what is echoed: "rcpt y" is
-- a recipient that was answered with a reply, "rcpt c" one that was taken.
local function check(holds, what)
  if not holds then error(what) end
end
local function continues(conn, what)
  check(mt.getreply(conn) == SMFIR_CONTINUE, what .. " was answered with " .. tostring(mt.getreply(conn)))
end

local function client(address)
  local conn = mt.connect("local:" .. SOCKET)
  check(conn ~= nil, "no connection")
  check(mt.negotiate(conn, 6, SMFIP_SKIP, 0x1FF) == nil, "no negotiation")
  mt.macro(conn, SMFIC_CONNECT, "j", "hub.example")
  check(mt.conninfo(conn, "mx.example", address) == nil, "connect")
  continues(conn, "connect")
  check(mt.helo(conn, "mx.example") == nil, "helo")
  continues(conn, "helo")
  return conn
end

local function letter(reply)
  if reply == SMFIR_REPLYCODE then return "y" end
  if reply == SMFIR_CONTINUE then return "c" end
  return tostring(reply)
end

-- MAIL and one RCPT: whether it was taken.
local function envelope(conn, id, sender, recipient)
  mt.macro(conn, SMFIC_MAIL, "i", id)
  check(mt.mailfrom(conn, sender) == nil, "mail")
  continues(conn, "mail")
  check(mt.rcptto(conn, recipient) == nil, "rcpt")
  mt.echo("rcpt " .. letter(mt.getreply(conn)))
  return mt.getreply(conn) == SMFIR_CONTINUE
end

local function header(conn, subject)
  check(mt.data(conn) == nil, "data")
  continues(conn, "data")
  check(mt.header(conn, "From", "joe@a.example") == nil, "header")
  check(mt.header(conn, "Subject", subject) == nil, "header")
  continues(conn, "header")
end

local function rest(conn)
  check(mt.eoh(conn) == nil, "end of headers")
  check(mt.bodystring(conn, "a body\r\n") == nil, "body")
  check(mt.eom(conn) == nil, "end of message")
  mt.echo("end " .. letter(mt.getreply(conn)))
  if mt.eom_check(conn, MT_HDRADD, "X-Greylist") then mt.echo("X-Greylist: " .. mt.getheader(conn, "X-Greylist", 0)) end
end

if PLAN == "attempt" then
  local conn = client("192.0.2.7")
  if envelope(conn, "4Q1", "<joe@a.example>", "<kim@b.example>") then
    header(conn, "hello")
    rest(conn)
  end
  mt.disconnect(conn)
elseif PLAN == "abort" then
  -- Given up in its header; then a message of another sender on the same connection, one that its header has refused, and a last one.
  local conn = client("192.0.2.9")
  check(envelope(conn, "4Q1", "<gone@a.example>", "<kim@b.example>"), "the first was not taken")
  header(conn, "cheap watches")
  check(mt.abort(conn) == nil, "abort")
  check(envelope(conn, "4Q2", "<joe@a.example>", "<kim@b.example>"), "the second was not taken")
  header(conn, "hello")
  rest(conn)
  check(not mt.eom_check(conn, MT_SMTPREPLY, "551"), "a reply to what is taken")
  check(envelope(conn, "4Q3", "<joe@a.example>", "<kim@b.example>"), "the third was not taken")
  header(conn, "cheap watches")
  rest(conn)
  check(mt.eom_check(conn, MT_SMTPREPLY, "551", "5.7.1", "no cheap things of joe@a.example"), "the reply of the dacl")
  check(envelope(conn, "4Q4", "<joe@a.example>", "<kim@b.example>"), "the fourth was not taken")
  header(conn, "hello")
  rest(conn)
  mt.disconnect(conn)
end
