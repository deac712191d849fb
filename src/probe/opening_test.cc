#include "probe/opening.h"

#include <gtest/gtest.h>

#include <array>

#include "probe/scripted_wire.h"

namespace hikyaku::probe {
namespace {

using namespace std::chrono_literals;
using hikyaku::testing_support::ScriptedWire;

TlsReport tls() { return {.protocol = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384", .group = "x25519"}; }

struct Played {
  std::string sent;     ///< by us, lines joined by "|"
  std::string outcome;  ///< "tls", "plain", or the error
  Opening opening;
  std::optional<Fault> fault;
  std::string record;
};

Played play(ScriptedWire& wire, const char* protocol, TlsUse use) {
  KeepingSink sink;
  const auto* one = find_protocol(protocol);
  Conversation conversation(wire, sink, one->speech, wire.elapsed(), 10s);
  auto opening = open_conversation(conversation, *one, {.tls = use, .client_name = "me"});
  Played played;
  for (const char c : wire.sent()) {
    if (c != '\r') played.sent += c == '\n' ? '|' : c;
  }
  played.record = sink.text();
  played.outcome = !opening ? opening.error().text : wire.under_tls() ? "tls" : "plain";
  if (opening)
    played.opening = std::move(*opening);
  else
    played.fault = opening.error().fault;
  return played;
}

struct OpeningCase {
  const char* name;
  const char* protocol;
  TlsUse use;
  std::function<void(ScriptedWire&)> script;
  const char* sent;
  const char* outcome;
  const char* recorded;  ///< that the record has
};

class Openings : public testing::TestWithParam<OpeningCase> {};

TEST_P(Openings, are_held) {
  ScriptedWire wire;
  GetParam().script(wire);
  const auto played = play(wire, GetParam().protocol, GetParam().use);
  EXPECT_EQ(played.sent, GetParam().sent);
  EXPECT_EQ(played.outcome, GetParam().outcome);
  EXPECT_TRUE(played.record.contains(GetParam().recorded)) << played.record;
}

void offering(ScriptedWire& wire) {
  wire.says("220 a\r\n")
      .answers("EHLO me\r\n", "250-a\r\n250 STARTTLS\r\n")
      .answers("STARTTLS\r\n", "220 go\r\n")
      .shakes_hands(tls())
      .answers("EHLO me\r\n", "250 a\r\n");
}

const std::array kCases{
    OpeningCase{"smtp_starts_tls_and_greets_again", "smtp", TlsUse::automatic, offering,
                "EHLO me|STARTTLS|EHLO me|", "tls",
                "=== what was said before TLS is forgotten: greeting again\n ~> EHLO me\n<~  250 a\n"},
    OpeningCase{"smtp_stays_in_plain_text_when_told_to", "smtp", TlsUse::never, offering, "EHLO me|", "plain",
                ""},
    OpeningCase{"smtp_without_an_offer_goes_on", "smtp", TlsUse::automatic,
                [](ScriptedWire& wire) { wire.says("220 a\r\n").answers("EHLO", "250 a\r\n"); }, "EHLO me|",
                "plain", "=== STARTTLS is not offered: this goes on in plain text"},
    OpeningCase{"smtp_takes_what_it_did_not_offer", "smtp", TlsUse::required,
                [](ScriptedWire& wire) {
                  wire.says("220 a\r\n")
                      .answers("EHLO", "250-a\r\n250-XXXXXXXA\r\n250 SIZE\r\n")
                      .answers("STARTTLS", "220 go\r\n")
                      .shakes_hands(tls())
                      .answers("EHLO", "250 a\r\n");
                },
                "EHLO me|STARTTLS|EHLO me|", "tls", "something on the way may strip the offer"},
    OpeningCase{
        "smtp_is_overwritten", "smtp", TlsUse::automatic,
        [](ScriptedWire& wire) { wire.says("220 a\r\n").answers("EHLO", "250-a\r\n250 XXXXXXXA\r\n"); },
        "EHLO me|", "plain", "*** where STARTTLS should stand there are Xs"},
    OpeningCase{"smtp_refuses_tls_that_is_required", "smtp", TlsUse::required,
                [](ScriptedWire& wire) {
                  wire.says("220 a\r\n").answers("EHLO", "250 a\r\n").answers("STARTTLS", "502 \033no\r\n");
                },
                "EHLO me|STARTTLS|", "TLS was refused: \"502 \\x1bno\"", "<** 502"},
    OpeningCase{"smtp_refuses_tls_that_it_offered", "smtp", TlsUse::automatic,
                [](ScriptedWire& wire) {
                  wire.says("220 a\r\n")
                      .answers("EHLO", "250-a\r\n250 STARTTLS\r\n")
                      .answers("STARTTLS", "454 no\r\n");
                },
                "EHLO me|STARTTLS|", "plain", "*** TLS was refused: \"454 no\"; this goes on in plain text"},
    OpeningCase{"smtp_cannot_shake_hands", "smtp", TlsUse::automatic,
                [](ScriptedWire& wire) {
                  wire.says("220 a\r\n")
                      .answers("EHLO", "250-a\r\n250 STARTTLS\r\n")
                      .answers("STARTTLS", "220 go\r\n")
                      .shakes_hands(fail(Fault::permanent, "TLS handshake: no"));
                },
                "EHLO me|STARTTLS|", "TLS handshake: no", ""},
    OpeningCase{"what_was_injected_is_dropped", "smtp", TlsUse::automatic,
                [](ScriptedWire& wire) {
                  wire.says("220 a\r\n")
                      .answers("EHLO", "250-a\r\n250 STARTTLS\r\n")
                      .answers("STARTTLS", "220 go\r\n250 AUTH PLAIN\r\n")
                      .shakes_hands(tls(), {}, 3)
                      .answers("EHLO", "250 a\r\n");
                },
                "EHLO me|STARTTLS|EHLO me|", "tls",
                "*** before the handshake came 19 octets that nobody asked for"},
    OpeningCase{"smtp_without_ehlo_is_asked_with_helo", "smtp", TlsUse::automatic,
                [](ScriptedWire& wire) {
                  wire.says("220 a\r\n").answers("EHLO", "502 what\r\n").answers("HELO", "250 a\r\n");
                },
                "EHLO me|HELO me|", "plain", ""},
    OpeningCase{
        "smtps_shakes_hands_first", "smtps", TlsUse::automatic,
        [](ScriptedWire& wire) { wire.shakes_hands(tls(), "220 a\r\n").answers("EHLO", "250 a\r\n"); },
        "EHLO me|", "tls", "=== TLS is on: TLSv1.3, TLS_AES_256_GCM_SHA384, x25519\n<~  220 a\n"},
    OpeningCase{"a_greeting_may_refuse", "smtp", TlsUse::automatic,
                [](ScriptedWire& wire) { wire.says("554 go away\r\n"); }, "",
                "the server greets with \"554 go away\"", "<** 554"},
    OpeningCase{"nobody_speaks", "smtp", TlsUse::automatic, [](ScriptedWire&) {}, "",
                "no whole answer came within 10000 ms", ""},
    OpeningCase{"a_greeting_drips", "smtp", TlsUse::automatic,
                [](ScriptedWire& wire) {
                  wire.takes(1s);
                  for (int i = 0; i < 100; ++i) wire.says("220-a\r\n");
                },
                "", "no whole answer came within 10000 ms", "<-  220-a"},
    OpeningCase{"the_connection_ends", "smtp", TlsUse::automatic,
                [](ScriptedWire& wire) { wire.says("220").closes(); }, "",
                "the server closed the connection instead of an answer", "the connection ended within it"},
    OpeningCase{"lmtp_says_lhlo", "lmtp", TlsUse::automatic,
                [](ScriptedWire& wire) { wire.says("220 a\r\n").answers("LHLO", "250 a\r\n"); }, "LHLO me|",
                "plain", ""},
    OpeningCase{"imap_starts_tls", "imap", TlsUse::automatic,
                [](ScriptedWire& wire) {
                  wire.says("* OK a\r\n")
                      .answers("hk1 CAPABILITY",
                               "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\nhk1 OK a\r\n")
                      .answers("hk2 STARTTLS", "hk2 OK go\r\n")
                      .shakes_hands(tls())
                      .answers("hk3 CAPABILITY", "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nhk3 OK a\r\n");
                },
                "hk1 CAPABILITY|hk2 STARTTLS|hk3 CAPABILITY|", "tls", ""},
    OpeningCase{"imap_says_preauth_when_tls_is_required", "imap", TlsUse::required,
                [](ScriptedWire& wire) {
                  wire.says("* PREAUTH a\r\n")
                      .answers("hk1", "* CAPABILITY IMAP4rev1 STARTTLS\r\nhk1 OK a\r\n")
                      .answers("hk2", "hk2 OK go\r\n")
                      .shakes_hands(tls());
                },
                "hk1 CAPABILITY|",
                "the server says PREAUTH, so that TLS can't begin (RFC 9051 s. 7.1.4): who is in between may "
                "have said it",
                ""},
    OpeningCase{"imap_says_preauth", "imap", TlsUse::automatic,
                [](ScriptedWire& wire) {
                  wire.says("* PREAUTH a\r\n").answers("hk1", "* CAPABILITY STARTTLS\r\nhk1 OK a\r\n");
                },
                "hk1 CAPABILITY|", "plain", "*** the server says PREAUTH"},
    OpeningCase{"pop3_starts_tls", "pop3", TlsUse::automatic,
                [](ScriptedWire& wire) {
                  wire.says("+OK a\r\n")
                      .answers("CAPA", "+OK\r\nSTLS\r\n.\r\n")
                      .answers("STLS", "+OK go\r\n")
                      .shakes_hands(tls())
                      .answers("CAPA", "+OK\r\nSASL PLAIN\r\n.\r\n");
                },
                "CAPA|STLS|CAPA|", "tls", ""},
    OpeningCase{"pop3_without_capa_may_have_tls", "pop3", TlsUse::automatic,
                [](ScriptedWire& wire) {
                  wire.says("+OK a\r\n").answers("CAPA", "-ERR what\r\n").answers("STLS", "-ERR what\r\n");
                },
                "CAPA|STLS|", "plain", "=== STLS is not offered; it is tried all the same"},
    OpeningCase{"sieve_is_greeted_again", "sieve", TlsUse::automatic,
                [](ScriptedWire& wire) {
                  wire.says("\"SASL\" \"\"\r\n\"STARTTLS\"\r\nOK\r\n")
                      .answers("STARTTLS", "OK\r\n")
                      .shakes_hands(tls(), "\"SASL\" \"PLAIN\"\r\nOK\r\n");
                },
                "STARTTLS|", "tls", "<~  \"SASL\" \"PLAIN\"\n<~  OK\n"},
    OpeningCase{"ftp_protects_its_data", "ftp", TlsUse::automatic,
                [](ScriptedWire& wire) {
                  wire.says("220 a\r\n")
                      .answers("FEAT", "211-a\r\n AUTH TLS\r\n PBSZ\r\n211 end\r\n")
                      .answers("AUTH TLS", "234 go\r\n")
                      .shakes_hands(tls())
                      .answers("FEAT", "211 none\r\n")
                      .answers("PBSZ", "200 ok\r\n")
                      .answers("PROT", "200 ok\r\n");
                },
                "FEAT|AUTH TLS|FEAT|PBSZ 0|PROT P|", "tls", ""},
    OpeningCase{"http_is_silent_at_first", "http", TlsUse::automatic, [](ScriptedWire&) {}, "", "plain", ""},
    OpeningCase{"http_has_no_starttls", "http", TlsUse::required, [](ScriptedWire&) {}, "",
                "http has no STARTTLS that servers speak: use https, or --tls", ""},
    OpeningCase{"any_protocol_under_tls_at_once", "pop3", TlsUse::at_once,
                [](ScriptedWire& wire) { wire.shakes_hands(tls(), "+OK a\r\n").answers("CAPA", "-ERR\r\n"); },
                "CAPA|", "tls", ""},
};
INSTANTIATE_TEST_SUITE_P(, Openings, testing::ValuesIn(kCases),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Opening, lists_mechanisms) {
  Opening opening;
  opening.capabilities = {"AUTH PLAIN Login", "AUTH=PLAIN", "SIZE 5"};
  EXPECT_EQ(opening.mechanisms(Speech::smtp), (std::vector<std::string>{"PLAIN", "LOGIN"}));
  opening.capabilities = {"IMAP4rev1", "AUTH=PLAIN", "auth=SCRAM-SHA-256"};
  EXPECT_EQ(opening.mechanisms(Speech::imap), (std::vector<std::string>{"PLAIN", "SCRAM-SHA-256"}));
  opening.capabilities = {"SASL PLAIN", "USER"};
  EXPECT_EQ(opening.mechanisms(Speech::pop3), (std::vector<std::string>{"PLAIN"}));
  EXPECT_EQ(opening.mechanisms(Speech::sieve), (std::vector<std::string>{"PLAIN"}));
  EXPECT_TRUE(opening.has("user"));
  EXPECT_FALSE(opening.has("us"));
}

TEST(Opening, of_another_protocol_is_malformed) {
  for (const auto& [greeting, fault] :
       {std::pair{"+OK a POP3 server\r\n", Fault::malformed}, std::pair{"554 go away\r\n", Fault::permanent},
        std::pair{"421 later\r\n", Fault::temporary}}) {
    ScriptedWire wire;
    wire.says(greeting);
    EXPECT_EQ(play(wire, "smtp", TlsUse::automatic).fault, fault) << greeting;
  }
}

}  // namespace
}  // namespace hikyaku::probe
