#include "probe/dialogue.h"

#include <gtest/gtest.h>

#include <array>

namespace hikyaku::probe {
namespace {

struct DialogueCase {
  const char* name;
  Speech speech;
  std::string lines;     ///< "C…" and "S…"
  std::string recorded;  ///< what TextSink prints; behind it "." after a whole answer, "?" while it waits
};

class Dialogues : public testing::TestWithParam<DialogueCase> {};

TEST_P(Dialogues, are_followed) {
  const auto dialogue = Dialogue::make(GetParam().speech);
  std::string recorded;
  TextSink sink({}, [&](std::string_view line) { recorded += line.substr(0, line.size() - 1); });
  std::string_view rest = GetParam().lines;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    Entry entry{.kind = rest[0] == 'C' ? Entry::Kind::sent : Entry::Kind::received,
                .text = std::string(rest.substr(1, end - 1))};
    rest.remove_prefix(end + 1);
    const auto answers = dialogue->answers();
    if (entry.kind == Entry::Kind::sent) {
      dialogue->sent(entry);
    } else {
      dialogue->received(entry, 2);
    }
    sink.put(entry);
    if (dialogue->answers() > answers) recorded += " .";
    if (dialogue->waits()) recorded += " ?";
    recorded += '\n';
  }
  EXPECT_EQ(recorded, GetParam().recorded);
}

const std::array kSmtp{
    DialogueCase{"a_greeting_is_waited_for", Speech::smtp, "S220-a\nS220 b\n", "<-  220-a ?\n<-  220 b .\n"},
    DialogueCase{"a_command_waits_for_its_whole_answer", Speech::smtp, "S220 a\nCEHLO c\nS250-a\nS250 HELP\n",
                 "<-  220 a .\n -> EHLO c ?\n<-  250-a ?\n<-  250 HELP .\n"},
    DialogueCase{"content_is_not_waited_for", Speech::smtp, "S220 a\nCDATA\nS354 go\nCx\nC..\nC.\nS250 ok\n",
                 "<-  220 a .\n -> DATA ?\n<-  354 go .\n -> x\n -> ..\n -> . ?\n<-  250 ok .\n"},
    DialogueCase{"data_that_is_refused_is_no_content", Speech::smtp, "S220 a\nCDATA\nS503 no\nC.\n",
                 "<-  220 a .\n -> DATA ?\n<** 503 no .\n -> . ?\n"},
    DialogueCase{"a_chunk_is_counted", Speech::smtp, "S220 a\nCBDAT 5 LAST\nCa\nS\nCQUIT\n",
                 "<-  220 a .\n -> BDAT 5 LAST\n -> a\n<**  .\n -> QUIT ?\n"},
    DialogueCase{"an_empty_chunk_has_no_content", Speech::smtp, "S220 a\nCBDAT 0 LAST\nS250 ok\n",
                 "<-  220 a .\n -> BDAT 0 LAST ?\n<-  250 ok .\n"},
    DialogueCase{"a_chunk_waits_when_it_is_whole", Speech::smtp, "S220 a\nCBDAT 6\nCa\nCb\nS250 ok\n",
                 "<-  220 a .\n -> BDAT 6\n -> a\n -> b ?\n<-  250 ok .\n"},
    DialogueCase{"a_size_that_is_none_has_no_content", Speech::smtp, "S220 a\nCBDAT x\n",
                 "<-  220 a .\n -> BDAT x ?\n"},
    DialogueCase{"plain_at_once_shows_the_name_alone", Speech::smtp,
                 "S220 a\nCAUTH PLAIN AGEAYg==\nS235 ok\n",
                 "<-  220 a .\n -> AUTH PLAIN <secret>   ← \"\\x00a\\x00<secret>\" ?\n<-  235 ok .\n"},
    DialogueCase{"plain_that_is_no_base64_is_a_secret_all_the_same", Speech::smtp,
                 "S220 a\nCAUTH plain AGEA~Yg\n", "<-  220 a .\n -> AUTH plain <secret> ?\n"},
    DialogueCase{
        "login_shows_the_prompts_and_the_name", Speech::smtp,
        "S220 a\nCAUTH LOGIN\nS334 VXNlcm5hbWU6\nCYQ==\nS334 UGFzc3dvcmQ6\nCYg==\nS535 no\n",
        "<-  220 a .\n -> AUTH LOGIN ?\n<-  334 VXNlcm5hbWU6   ← \"Username:\" .\n -> YQ==   ← \"a\" ?\n"
        "<-  334 UGFzc3dvcmQ6   ← \"Password:\" .\n -> <secret>   ← \"<secret>\" ?\n<** 535 no .\n"},
    DialogueCase{
        "login_masks_the_second_answer_whatever_the_server_asks", Speech::smtp,
        "S220 a\nCAUTH LOGIN\nS334 VXNlcm5hbWU6\nCYQ==\nS334 VXNlcm5hbWU6\nCYg==\n",
        "<-  220 a .\n -> AUTH LOGIN ?\n<-  334 VXNlcm5hbWU6   ← \"Username:\" .\n -> YQ==   ← \"a\" ?\n"
        "<-  334 VXNlcm5hbWU6   ← \"Username:\" .\n -> <secret>   ← \"<secret>\" ?\n"},
    DialogueCase{"login_with_the_name_at_once", Speech::smtp,
                 "S220 a\nCAUTH LOGIN YQ==\nS334 UGFzc3dvcmQ6\nCYg==\nS235 ok\n",
                 "<-  220 a .\n -> AUTH LOGIN YQ==   ← \"a\" ?\n<-  334 UGFzc3dvcmQ6   ← \"Password:\" .\n"
                 " -> <secret>   ← \"<secret>\" ?\n<-  235 ok .\n"},
    DialogueCase{"what_an_unknown_mechanism_says_is_a_secret", Speech::smtp, "S220 a\nCAUTH NTLM TlRM\n",
                 "<-  220 a .\n -> AUTH NTLM <secret>   ← \"<secret>\" ?\n"},
    DialogueCase{"a_token_is_a_secret", Speech::smtp,
                 "S220 a\nCAUTH XOAUTH2 dXNlcj1hAWF1dGg9QmVhcmVyIHQBAQ==\n",
                 "<-  220 a .\n -> AUTH XOAUTH2 <secret>   ← \"user=a\\x01auth=Bearer <secret>\" ?\n"},
    DialogueCase{
        "an_exchange_can_be_given_up", Speech::smtp,
        "S220 a\nCAUTH CRAM-MD5\nS334 PGE+\nC*\nS501 no\nCNOOP\n",
        "<-  220 a .\n -> AUTH CRAM-MD5 ?\n<-  334 PGE+   ← \"<a>\" .\n -> * ?\n<** 501 no .\n -> NOOP ?\n"},
    DialogueCase{
        "the_digest_of_cram_is_a_secret", Speech::smtp, "S220 a\nCAUTH CRAM-MD5\nS334 PGE+\nCYSAwMA==\n",
        "<-  220 a .\n -> AUTH CRAM-MD5 ?\n<-  334 PGE+   ← \"<a>\" .\n -> <secret>   ← \"a <secret>\" ?\n"},
    DialogueCase{"what_is_no_reply_is_marked", Speech::smtp, "Shello\nS2500 x\n",
                 "<** hello . ?\n<** 2500 x . ?\n"},
    DialogueCase{
        "lmtp_answers_for_each_recipient_that_was_taken", Speech::lmtp,
        "S220 a\nCMAIL FROM:<>\nS250 ok\nCRCPT TO:<a>\nS250 ok\nCRCPT TO:<b>\nS550 no\nCRCPT TO:<c>\nS250 "
        "ok\n"
        "CDATA\nS354 go\nC.\nS250 a\nS450 c\n",
        "<-  220 a .\n -> MAIL FROM:<> ?\n<-  250 ok .\n -> RCPT TO:<a> ?\n<-  250 ok .\n"
        " -> RCPT TO:<b> ?\n<** 550 no .\n -> RCPT TO:<c> ?\n<-  250 ok .\n -> DATA ?\n<-  354 go .\n"
        " -> . ?\n<-  250 a . ?\n<** 450 c .\n"},
    DialogueCase{"ftp_has_lines_without_codes_within_an_answer", Speech::ftp,
                 "S220-a\n S230 x\nS220 b\nCPASS x\nS230 ok\n",
                 "<-  220-a ?\n<-  S230 x ?\n<-  220 b .\n -> PASS <secret> ?\n<-  230 ok .\n"},
    DialogueCase{"ftp_says_that_an_answer_is_to_come", Speech::ftp, "S220 a\nCLIST\nS150 soon\nS226 done\n",
                 "<-  220 a .\n -> LIST ?\n<-  150 soon ?\n<-  226 done .\n"},
};

const std::array kMailboxes{
    DialogueCase{"imap_waits_for_the_tag", Speech::imap, "S* OK a\nCa1 SELECT x\nS* 1 EXISTS\nSa1 OK b\n",
                 "<-  * OK a .\n -> a1 SELECT x ?\n<-  * 1 EXISTS ?\n<-  a1 OK b .\n"},
    DialogueCase{"imap_refuses", Speech::imap, "S* OK a\nCa1 X\nSa1 BAD b\n",
                 "<-  * OK a .\n -> a1 X ?\n<** a1 BAD b .\n"},
    DialogueCase{"imap_says_farewell_at_once", Speech::imap, "S* BYE a\n", "<** * BYE a .\n"},
    DialogueCase{"imap_login_is_masked", Speech::imap, "S* OK a\nCa1 LOGIN \"a b\" \"c d\"\n",
                 "<-  * OK a .\n -> a1 LOGIN \"a b\" <secret> ?\n"},
    DialogueCase{
        "imap_login_by_literals_is_masked", Speech::imap,
        "S* OK a\nCa1 LOGIN {1}\nS+ go\nCu {2+}\nCpp\nSa1 OK b\n",
        "<-  * OK a .\n -> a1 LOGIN {1} ?\n<-  + go .\n -> <secret>\n -> <secret> ?\n<-  a1 OK b .\n"},
    DialogueCase{"imap_sends_a_literal_with_leave", Speech::imap,
                 "S* OK a\nCa1 APPEND x {6}\nS+ go\nCa\nCbc\nC\nSa1 OK b\n",
                 "<-  * OK a .\n -> a1 APPEND x {6} ?\n<-  + go .\n -> a\n -> bc\n ->  ?\n<-  a1 OK b .\n"},
    DialogueCase{"imap_sends_a_literal_without_leave", Speech::imap,
                 "S* OK a\nCa1 APPEND x {2+}\nCab\nSa1 OK b\n",
                 "<-  * OK a .\n -> a1 APPEND x {2+}\n -> ab ?\n<-  a1 OK b .\n"},
    DialogueCase{"imap_may_not_want_the_literal", Speech::imap,
                 "S* OK a\nCa1 APPEND x {6}\nSa1 NO b\nCa2 NOOP\n",
                 "<-  * OK a .\n -> a1 APPEND x {6} ?\n<** a1 NO b .\n -> a2 NOOP ?\n"},
    DialogueCase{
        "imap_has_tags_in_literals_that_are_none", Speech::imap,
        "S* OK a\nCa1 FETCH 1 BODY[]\nS* 1 FETCH (BODY[] {11}\nSa1 OK no\nS)\nSa1 OK b\n",
        "<-  * OK a .\n -> a1 FETCH 1 BODY[] ?\n<-  * 1 FETCH (BODY[] {11} ?\n<-  a1 OK no ?\n<-  ) ?\n"
        "<-  a1 OK b .\n"},
    DialogueCase{"imap_has_a_literal_that_ends_within_a_line", Speech::imap,
                 "S* OK a\nCa1 X\nS* X {2}\nSab {9}\nSa1 OK no\nSa1 OK b\n",
                 "<-  * OK a .\n -> a1 X ?\n<-  * X {2} ?\n<-  ab {9} ?\n<-  a1 OK no ?\n<-  a1 OK b .\n"},
    DialogueCase{
        "imap_challenges", Speech::imap, "S* OK a\nCa1 AUTHENTICATE PLAIN\nS+ \nCAGEAYg==\nSa1 OK b\n",
        "<-  * OK a .\n -> a1 AUTHENTICATE PLAIN ?\n<-  +  .\n -> <secret>   ← \"\\x00a\\x00<secret>\" ?\n"
        "<-  a1 OK b .\n"},
    DialogueCase{"imap_idles", Speech::imap, "S* OK a\nCa1 IDLE\nS+ idling\nS* 1 EXISTS\nCDONE\nSa1 OK b\n",
                 "<-  * OK a .\n -> a1 IDLE ?\n<-  + idling .\n<-  * 1 EXISTS\n -> DONE ?\n<-  a1 OK b .\n"},
    DialogueCase{"pop3_has_lists", Speech::pop3, "S+OK a\nCCAPA\nS+OK\nSUIDL\nS.\nCLIST 1\nS+OK 1 2\n",
                 "<-  +OK a .\n -> CAPA ?\n<-  +OK ?\n<-  UIDL ?\n<-  . .\n -> LIST 1 ?\n<-  +OK 1 2 .\n"},
    DialogueCase{"pop3_refuses_a_list", Speech::pop3, "S+OK a\nCRETR 1\nS-ERR no\n",
                 "<-  +OK a .\n -> RETR 1 ?\n<** -ERR no .\n"},
    DialogueCase{"pop3_password_is_masked", Speech::pop3, "S+OK a\nCpass x y\n",
                 "<-  +OK a .\n -> pass <secret> ?\n"},
    DialogueCase{"pop3_digest_is_masked", Speech::pop3, "S+OK a\nCAPOP u 00\n",
                 "<-  +OK a .\n -> APOP u <secret> ?\n"},
    DialogueCase{"pop3_challenges", Speech::pop3,
                 "S+OK a\nCAUTH LOGIN\nS+ UGFzc3dvcmQ6\nCYg==\nS-ERR no\nCNOOP\n",
                 "<-  +OK a .\n -> AUTH LOGIN ?\n<-  + UGFzc3dvcmQ6   ← \"Password:\" .\n"
                 " -> <secret>   ← \"<secret>\" ?\n<** -ERR no .\n -> NOOP ?\n"},
    DialogueCase{"sieve_greets_with_capabilities", Speech::sieve,
                 "S\"SASL\" \"PLAIN\"\nSOK\nCNOOP\nSOK \"done\"\n",
                 "<-  \"SASL\" \"PLAIN\" ?\n<-  OK .\n -> NOOP ?\n<-  OK \"done\" .\n"},
    DialogueCase{"sieve_takes_a_script_at_once", Speech::sieve,
                 "SOK\nCPUTSCRIPT \"x\" {7+}\nCkeep;\nC\nSNO {4}\nSwhat\n",
                 "<-  OK .\n -> PUTSCRIPT \"x\" {7+}\n -> keep;\n ->  ?\n<** NO {4} .\n<-  what\n"},
    DialogueCase{"sieve_has_status_words_in_literals_that_are_none", Speech::sieve,
                 "SOK\nCGETSCRIPT \"x\"\nS{6}\nSOK no\nS\nSOK\n",
                 "<-  OK .\n -> GETSCRIPT \"x\" ?\n<-  {6} ?\n<-  OK no ?\n<-   ?\n<-  OK .\n"},
    DialogueCase{"sieve_authenticates_at_once", Speech::sieve,
                 "SOK\nCAUTHENTICATE \"PLAIN\" \"AGEAYg==\"\nSOK\n",
                 "<-  OK .\n -> AUTHENTICATE \"PLAIN\" \"<secret>   ← \"\\x00a\\x00<secret>\" ?\n<-  OK .\n"},
    DialogueCase{"sieve_challenges", Speech::sieve,
                 "SOK\nCAUTHENTICATE \"CRAM-MD5\"\nS\"PGE+\"\nC\"YSAwMA==\"\nSOK\n",
                 "<-  OK .\n -> AUTHENTICATE \"CRAM-MD5\" ?\n<-  \"PGE+\"   ← \"<a>\" .\n"
                 " -> \"<secret>   ← \"a <secret>\" ?\n<-  OK .\n"},
    DialogueCase{"sieve_challenges_by_literal", Speech::sieve,
                 "SOK\nCAUTHENTICATE \"CRAM-MD5\"\nS{4}\nSPGE+\nC{8+}\nCYSAwMA==\nSNO\n",
                 "<-  OK .\n -> AUTHENTICATE \"CRAM-MD5\" ?\n<-  {4} ?\n<-  PGE+   ← \"<a>\" .\n -> {8+}\n"
                 " -> <secret>   ← \"a <secret>\" ?\n<** NO .\n"},
};

const std::array kWeb{
    DialogueCase{
        "http_waits_behind_the_empty_line", Speech::http,
        "CGET / HTTP/1.1\nCHost: a\nC\nSHTTP/1.1 200 OK\nSContent-Length: 6\nS\nSab\nScd\n",
        " -> GET / HTTP/1.1\n -> Host: a\n ->  ?\n<-  HTTP/1.1 200 OK ?\n<-  Content-Length: 6 ?\n<-   ?\n"
        "<-  ab ?\n<-  cd .\n"},
    DialogueCase{"http_sends_a_body", Speech::http,
                 "CPOST / HTTP/1.1\nCContent-Length: 3\nC\nCabc\nSHTTP/1.1 404 no\nScontent-length: 0\nS\n",
                 " -> POST / HTTP/1.1\n -> Content-Length: 3\n -> \n -> abc ?\n<** HTTP/1.1 404 no ?\n<-  "
                 "content-length: 0 ?\n<-   .\n"},
    DialogueCase{"http_has_chunks", Speech::http,
                 "CGET / HTTP/1.1\nC\nSHTTP/1.1 200 OK\nSTransfer-Encoding: chunked\nS\nS2\nSab\nS0\nS\n",
                 " -> GET / HTTP/1.1\n ->  ?\n<-  HTTP/1.1 200 OK ?\n<-  Transfer-Encoding: chunked ?\n<-   "
                 "?\n<-  2 ?\n"
                 "<-  ab ?\n<-  0 ?\n<-   .\n"},
    DialogueCase{"http_has_no_body_for_head", Speech::http,
                 "CHEAD / HTTP/1.1\nC\nSHTTP/1.1 200 OK\nSContent-Length: 9\nS\n",
                 " -> HEAD / HTTP/1.1\n ->  ?\n<-  HTTP/1.1 200 OK ?\n<-  Content-Length: 9 ?\n<-   .\n"},
    DialogueCase{"http_password_is_masked", Speech::http, "CGET / HTTP/1.1\nCAuthorization: Basic YTpi\n",
                 " -> GET / HTTP/1.1\n -> Authorization: Basic <secret>   ← \"a:<secret>\"\n"},
};

const auto kName = [](const auto& row) { return std::string(row.param.name); };
INSTANTIATE_TEST_SUITE_P(Smtp, Dialogues, testing::ValuesIn(kSmtp), kName);
INSTANTIATE_TEST_SUITE_P(Mailboxes, Dialogues, testing::ValuesIn(kMailboxes), kName);
INSTANTIATE_TEST_SUITE_P(Web, Dialogues, testing::ValuesIn(kWeb), kName);

TEST(Dialogue, keeps_a_bounded_answer) {
  const auto dialogue = Dialogue::make(Speech::smtp);
  for (int i = 0; i < 3000; ++i) {
    Entry entry{.kind = Entry::Kind::received, .text = "250-" + std::string(1000, 'x')};
    dialogue->received(entry, 2);
  }
  Entry entry{.kind = Entry::Kind::received, .text = "250 x"};
  dialogue->received(entry, 2);
  EXPECT_EQ(dialogue->answers(), 1U);
  EXPECT_LE(dialogue->last().lines.size(), Answer::kMostLines);
}

TEST(Dialogue, of_imap_forgets_a_literal_from_before_tls) {
  const auto dialogue = Dialogue::make(Speech::imap);
  const auto play = [&](std::string_view text) {
    Entry entry{.text = std::string(text.substr(1))};
    if (text[0] == 'C')
      dialogue->sent(entry);
    else
      dialogue->received(entry, 2);
  };
  for (const char* text : {"S* OK a", "Ca1 STARTTLS", "Sa1 OK go", "S* X {99}"}) play(text);
  dialogue->restart();
  const auto answers = dialogue->answers();
  for (const char* text : {"Ca2 NOOP", "Sa2 OK b"}) play(text);
  EXPECT_EQ(dialogue->answers(), answers + 1);
  EXPECT_FALSE(dialogue->waits());
}

TEST(Dialogue, knows_that_a_password_is_typed_next) {
  const auto dialogue = Dialogue::make(Speech::smtp);
  for (const char* text : {"S220 a", "CAUTH LOGIN", "S334 VXNlcm5hbWU6", "CYQ==", "S334 UGFzc3dvcmQ6"}) {
    EXPECT_FALSE(dialogue->next_is_secret()) << text;
    Entry entry{.text = text + 1};
    if (*text == 'C')
      dialogue->sent(entry);
    else
      dialogue->received(entry, 2);
  }
  EXPECT_TRUE(dialogue->next_is_secret());
}

}  // namespace
}  // namespace hikyaku::probe
