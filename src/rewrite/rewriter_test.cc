#include "rewrite/rewriter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "rewrite/local_domains.h"
#include "rewrite/outbound.h"
#include "table/fixed_contents.h"
#include "table/pattern_contents.h"

namespace hikyaku::rewrite {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint32_t kMainCf = 1, kTableFile = 2;

table::Maps hash(std::string_view text) {
  return table::Maps(
      {std::make_shared<table::FixedTable>("hash:t", table::load_fixed(text, kTableFile).contents)});
}
table::Maps pcre(std::string_view text) {
  return table::Maps({std::make_shared<table::FixedTable>(
      "pcre:t", table::load_pcre(text, kTableFile, table::Substitution::allowed).contents)});
}

class NoAnswer final : public table::Table {
 public:
  table::Answer find(std::string_view) const override { return fail(Fault::temporary, "ldap:t: timed out"); }
  Kind kind() const override { return Kind::fixed; }
  const std::string& name() const override { return name_; }

 private:
  std::string name_ = "ldap:t";
};
table::Maps no_answer() { return table::Maps({std::make_shared<NoAnswer>()}); }

constexpr std::uint8_t kSenderClasses = 1 | 4, kRecipientClasses = 2 | 8, kAllClasses = 15;

/// A hub named mail.hub.test with its own address 127.0.0.1.
Settings hub() {
  Settings settings;
  settings.completion.myorigin = {"hub.test", {kMainCf, 1}};
  settings.completion.mydomain = {"test", {kMainCf, 2}};
  settings.own_addresses = {*table::Ip::parse("127.0.0.1")};
  settings.lookup.local_domains =
      std::make_shared<OwnDomains>("hub.test", table::StringMatchList{}, settings.own_addresses);
  settings.lookup.delimiters.set = "+";
  settings.hostname.text = "mail.hub.test";
  settings.drop_headers = {"bcc", "content-length", "resent-bcc", "return-path"};
  settings.local_clients = {
      {ClientRule::Kind::inet_interfaces, "permit_inet_interfaces", {kMainCf, 31}, nullptr}};
  settings.sender_canonical = {
      "rewrite.sender_canonical", "sender_canonical_maps", {}, {kSenderClasses, {kMainCf, 5}}, {kMainCf, 4}};
  settings.recipient_canonical = {
      "rewrite.recipient_canonical", "recipient_canonical_maps", {}, {kRecipientClasses, {}}, {kMainCf, 6}};
  settings.canonical = {"rewrite.canonical", "canonical_maps", {}, {kAllClasses, {}}, {kMainCf, 7}};
  settings.masquerade.classes = {1 | 4 | 8, {}};
  settings.virtual_alias = {"rewrite.virtual_alias", "virtual_alias_maps", {}, {}, {kMainCf, 8}};
  settings.sender_bcc = {"rewrite.sender_bcc", "sender_bcc_maps", {}, {}, {kMainCf, 9}};
  settings.recipient_bcc = {"rewrite.recipient_bcc", "recipient_bcc_maps", {}, {}, {kMainCf, 10}};
  settings.header_checks = {"header_checks", "rewrite.header_checks", {}, {kMainCf, 11}};
  settings.mime_header_checks = {"mime_header_checks", "rewrite.mime_header_checks", {}, {kMainCf, 12}};
  settings.nested_header_checks = {"nested_header_checks", "rewrite.nested_header_checks", {}, {kMainCf, 13}};
  settings.body_checks = {"body_checks", "rewrite.body_checks", {}, {kMainCf, 14}};
  return settings;
}

mail::Address address(std::string_view internal) { return *mail::Address::from_internal(internal); }
Recipient to(std::string_view internal) { return {address(internal), "rfc822;" + std::string(internal), 0}; }

std::vector<std::string> texts(const EnvelopeResult& result) {
  std::vector<std::string> out;
  for (const auto& recipient : result.recipients) out.push_back(recipient.address.text());
  return out;
}

const HeaderContext kLocal{HeaderContext::Kind::local, "127.0.0.1"};
const HeaderContext kNone{HeaderContext::Kind::none, "127.0.0.100"};

/// The header section after rewriting.
std::string headers(const Settings& settings, std::string_view section,
                    const HeaderContext& context = kLocal) {
  const Rewriter rewriter(settings);
  const auto sender = address("joe@hub.test");
  Explanation why;
  const auto result = rewriter.headers(section, context, {sender, "QID", false, Time{}, {}, {}}, why);
  return result.section.value_or(std::string(section));
}

/// What a message needs so that nothing is added.
constexpr std::string_view kRest = "Date: x\r\nMessage-ID: <1@x>\r\n";

// The envelope
// ---------------------------------------------------------------------------------------------------

TEST(EnvelopeSender, goes_through_completion_canonical_and_masquerade_in_this_order) {
  auto settings = hub();
  settings.sender_canonical.maps = hash("joe@hub.test jim@pc.b.test\n");
  settings.canonical.maps = hash("jim@pc.b.test bob@pc.c.test\n");
  settings.masquerade.domains = {{"c.test", false, {kMainCf, 20}}};
  const Rewriter rewriter(settings);
  Explanation why;
  EXPECT_EQ(EnvelopeRewriting(rewriter, why, {}).sender(address("joe")).text(), "bob@c.test");
  std::vector<std::string> steps, outcomes;
  for (const auto& entry : why.entries()) {
    if (!entry.failed.empty()) continue;
    steps.push_back(entry.step);
    outcomes.push_back(entry.outcome);
  }
  EXPECT_THAT(steps, ElementsAre("rewrite.completion", "rewrite.sender_canonical", "rewrite.canonical",
                                 "rewrite.masquerade"));
  EXPECT_THAT(outcomes, ElementsAre("envelope sender: joe -> joe@hub.test",
                                    "envelope sender: joe@hub.test -> jim@pc.b.test",
                                    "envelope sender: jim@pc.b.test -> bob@pc.c.test",
                                    "envelope sender: bob@pc.c.test -> bob@c.test"));
}

TEST(EnvelopeSender, hit_names_the_line_and_the_keys_tried) {
  auto settings = hub();
  settings.sender_canonical.maps = hash("# comment\n@hub.test @b.example\n");
  const Rewriter rewriter(settings);
  Explanation why;
  EXPECT_EQ(EnvelopeRewriting(rewriter, why, {}).sender(address("joe+x@hub.test")).text(), "joe+x@b.example");
  const auto entry = why.entries().front();
  EXPECT_EQ(entry.rule, "@hub.test @b.example");
  EXPECT_EQ(entry.origin, (Origin{kTableFile, 2}));
  EXPECT_THAT(entry.keys, ElementsAre("joe+x@hub.test", "joe@hub.test", "joe+x", "joe", "@hub.test"));
}

TEST(EnvelopeSender, class_that_is_off_is_told) {
  auto settings = hub();
  settings.sender_canonical.maps = hash("joe@hub.test x@y.example\n");
  settings.sender_canonical.classes.bits = 4;
  const Rewriter rewriter(settings);
  Explanation why;
  EXPECT_EQ(EnvelopeRewriting(rewriter, why, {}).sender(address("joe@hub.test")).text(), "joe@hub.test");
  EXPECT_EQ(why.entries().front().failed, "class envelope_sender is on for sender_canonical_maps");
  EXPECT_EQ(why.entries().front().origin, (Origin{kMainCf, 5}));
}

TEST(EnvelopeSender, mailer_daemon_is_the_null_sender) {
  const Rewriter rewriter(hub());
  Explanation why;
  EXPECT_TRUE(EnvelopeRewriting(rewriter, why, {}).sender(address("MAILER-DAEMON@hub.test")).null());
  EXPECT_FALSE(EnvelopeRewriting(rewriter, why, {}).sender(address("mailer-daemon@other.test")).null());
}

TEST(EnvelopeSender, null_sender_is_seen_by_a_pattern_as_two_quotes) {
  auto settings = hub();
  settings.sender_canonical.maps = pcre("/^$/ wrong@x.example\n/^\"\"$/ right@x.example\n");
  const Rewriter rewriter(settings);
  Explanation why;
  EXPECT_EQ(EnvelopeRewriting(rewriter, why, {}).sender({}).text(), "right@x.example");
}

TEST(EnvelopeSender, loop_ends_after_ten_passes_with_a_warning) {
  auto settings = hub();
  settings.sender_canonical.maps = pcre("/^(.*)@hub.test$/ a$1@hub.test\n");
  const Rewriter rewriter(settings);
  Explanation why;
  EnvelopeRewriting envelope(rewriter, why, {});
  EXPECT_EQ(envelope.sender(address("j@hub.test")).text(), "aaaaaaaaaaj@hub.test");
  const auto result = envelope.finish();
  EXPECT_FALSE(result.refusal);
  EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("unreasonable sender_canonical_maps map nesting")));
}

TEST(EnvelopeSender, table_without_answer_refuses_for_now) {
  auto settings = hub();
  settings.canonical.maps = no_answer();
  const Rewriter rewriter(settings);
  Explanation why;
  EnvelopeRewriting envelope(rewriter, why, {});
  EXPECT_EQ(envelope.sender(address("j@hub.test")).text(), "j@hub.test");
  const auto result = envelope.finish();
  ASSERT_TRUE(result.refusal);
  EXPECT_EQ(result.refusal->code, 451);
  EXPECT_EQ(result.refusal->enhanced, "4.3.0");
}

TEST(EnvelopeRecipients, alias_is_expanded_into_many_and_again) {
  auto settings = hub();
  settings.virtual_alias.maps = hash("all@hub.test a@hub.test, b@x.example\na@hub.test a1@x.example\n");
  const Rewriter rewriter(settings);
  Explanation why;
  EnvelopeRewriting envelope(rewriter, why, {});
  envelope.recipient(to("all@hub.test"));
  const auto result = envelope.finish();
  EXPECT_THAT(texts(result), ElementsAre("a1@x.example", "b@x.example"));
  EXPECT_EQ(result.recipients[1].original.text(), "all@hub.test");
}

TEST(EnvelopeRecipients, alias_of_itself_and_another_keeps_both) {
  auto settings = hub();
  settings.virtual_alias.maps = hash("a@hub.test a@hub.test, b@x.example\n");
  const Rewriter rewriter(settings);
  Explanation why;
  EnvelopeRewriting envelope(rewriter, why, {});
  envelope.recipient(to("A@hub.test"));
  EXPECT_THAT(texts(envelope.finish()), ElementsAre("a@hub.test", "b@x.example"));
}

TEST(EnvelopeRecipients, alias_loop_is_refused) {
  auto settings = hub();
  settings.virtual_alias.maps = hash("a@hub.test b@hub.test\nb@hub.test a@hub.test\n");
  const Rewriter rewriter(settings);
  Explanation why;
  EnvelopeRewriting envelope(rewriter, why, {});
  envelope.recipient(to("a@hub.test"));
  const auto result = envelope.finish();
  ASSERT_TRUE(result.refusal);
  EXPECT_EQ(result.refusal->enhanced + " " + result.refusal->text, "4.6.0 Alias expansion error");
}

TEST(EnvelopeRecipients, growth_is_bounded) {
  auto settings = hub();
  settings.virtual_alias.maps = pcre("/^(.*)@hub.test$/ 1$1@hub.test, 2$1@hub.test\n");
  settings.virtual_limits = {100, 50, 1000};
  const Rewriter rewriter(settings);
  Explanation why;
  EnvelopeRewriting envelope(rewriter, why, {});
  envelope.recipient(to("a@hub.test"));
  EXPECT_TRUE(envelope.finish().refusal);
}

TEST(EnvelopeRecipients, two_names_of_one_mailbox_are_two_deliveries_unless_originals_do_not_count) {
  auto settings = hub();
  settings.virtual_alias.maps = hash("a@hub.test c@x.example\nb@hub.test c@x.example\n");
  for (const bool originals : {true, false}) {
    settings.enable_original_recipient.on = originals;
    const Rewriter rewriter(settings);
    Explanation why;
    EnvelopeRewriting envelope(rewriter, why, {});
    envelope.recipient(to("a@hub.test"));
    envelope.recipient(to("b@hub.test"));
    envelope.recipient(to("A@HUB.test"));
    EXPECT_EQ(envelope.finish().recipients.size(), originals ? 2U : 1U);
  }
}

TEST(EnvelopeRecipients, success_notice_is_told_at_the_alias) {
  auto settings = hub();
  settings.virtual_alias.maps = hash("a@hub.test b@x.example\n");
  const Rewriter rewriter(settings);
  Explanation why;
  EnvelopeRewriting envelope(rewriter, why, {});
  auto recipient = to("a@hub.test");
  recipient.notify = notify::kSuccess;
  envelope.recipient(recipient);
  const auto result = envelope.finish();
  EXPECT_EQ(result.recipients[0].notify, notify::kNever);
  ASSERT_EQ(result.alias_expanded.size(), 1U);
  EXPECT_EQ(result.alias_expanded[0].address.text(), "a@hub.test");
}

TEST(EnvelopeBcc, copies_come_by_sender_recipient_and_always) {
  auto settings = hub();
  settings.sender_bcc.maps = hash("joe@hub.test s@x.example\n");
  settings.recipient_bcc.maps = hash("a@hub.test r@x.example\n");
  settings.always_bcc.text = "all@x.example";
  settings.virtual_alias.maps = hash("a@hub.test v@x.example\nall@x.example archive@x.example\n");
  const Rewriter rewriter(settings);
  Explanation why;
  EnvelopeRewriting envelope(rewriter, why, {});
  envelope.sender(address("joe@hub.test"));
  envelope.recipient(to("a@hub.test"));
  envelope.bcc(address("h@x.example"));
  const auto result = envelope.finish();
  EXPECT_THAT(texts(result),
              ElementsAre("s@x.example", "v@x.example", "r@x.example", "h@x.example", "archive@x.example"));
  EXPECT_EQ(result.recipients[4].from, Expanded::From::always_bcc);
  EXPECT_EQ(result.recipients[4].notify, notify::kNever);
}

// Who the client is
// ----------------------------------------------------------------------------------------------

struct ContextCase {
  const char* name;
  ClientRule::Kind kind;
  ClientFacts client;
  bool local;
};
class HeaderContextOf : public testing::TestWithParam<ContextCase> {};

TEST_P(HeaderContextOf, one_element) {
  const auto& row = GetParam();
  auto settings = hub();
  settings.tls_clientcerts = hash("AB:CD client\n");
  settings.local_clients = {{row.kind, "element", {kMainCf, 31}, hash("192.0.2.7 whatever\n").tables()[0]}};
  Explanation why;
  const auto context = header_context(settings, row.client, why);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->kind == HeaderContext::Kind::local, row.local);
  ASSERT_EQ(why.entries().size(), 1U);
  EXPECT_EQ(why.entries()[0].origin, row.client.address.empty() ? Origin{} : (Origin{kMainCf, 31}));
  EXPECT_EQ(why.entries()[0].failed.empty(), row.local);
}

using Kind = ClientRule::Kind;
INSTANTIATE_TEST_SUITE_P(
    , HeaderContextOf,
    testing::Values(
        ContextCase{"own_interface", Kind::inet_interfaces, {"127.0.0.1"}, true},
        ContextCase{"other_address", Kind::inet_interfaces, {"127.0.0.100"}, false},
        ContextCase{"logged_in", Kind::sasl_authenticated, {"192.0.2.1", "unknown", "joe"}, true},
        ContextCase{"not_logged_in", Kind::sasl_authenticated, {"192.0.2.1"}, false},
        ContextCase{"any_certificate", Kind::tls_all_clientcerts, {"192.0.2.1", "", "", true}, true},
        ContextCase{"no_certificate", Kind::tls_all_clientcerts, {"192.0.2.1"}, false},
        ContextCase{"known_certificate", Kind::tls_clientcerts, {"192.0.2.1", "", "", false, "ab:cd"}, true},
        ContextCase{"known_key", Kind::tls_clientcerts, {"192.0.2.1", "", "", false, "00", "AB:CD"}, true},
        ContextCase{"unknown_certificate", Kind::tls_clientcerts, {"192.0.2.1", "", "", false, "00"}, false},
        ContextCase{"in_the_table", Kind::address_map, {"192.0.2.7"}, true},
        ContextCase{"not_in_the_table", Kind::address_map, {"192.0.2.8"}, false},
        ContextCase{"local_submission", Kind::address_map, {""}, true}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(HeaderContextList, empty_list_says_so) {
  auto settings = hub();
  settings.local_clients.clear();
  settings.local_clients_setting.origin = {kMainCf, 40};
  Explanation why;
  EXPECT_EQ(header_context(settings, {"127.0.0.1"}, why)->kind, HeaderContext::Kind::none);
  EXPECT_EQ(why.entries()[0].rule, "local_header_rewrite_clients is empty");
  EXPECT_EQ(why.entries()[0].origin, (Origin{kMainCf, 40}));
}

TEST(HeaderContextList, remote_domain_makes_a_remote_context) {
  auto settings = hub();
  settings.completion.remote_domain = {"domain.invalid", {kMainCf, 41}};
  Explanation why;
  EXPECT_EQ(header_context(settings, {"192.0.2.1"}, why)->kind, HeaderContext::Kind::remote);
}

// Headers
// --------------------------------------------------------------------------------------------------------

TEST(Headers, nothing_to_do_gives_the_very_same_bytes) {
  const Rewriter rewriter(hub());
  const auto sender = address("joe@hub.test");
  Explanation why;
  for (const auto& context : {kLocal, kNone}) {
    const auto result =
        rewriter.headers("From: a@x.example\r\nTo:b@x.example\r\nDate: x\r\nMessage-ID: <1@x>\r\n", context,
                         {sender, "QID", false, Time{}, {}, {}}, why);
    EXPECT_FALSE(result.section);
    EXPECT_EQ(result.message_id, "<1@x>");
  }
  EXPECT_TRUE(why.empty());
}

TEST(Headers, header_of_a_remote_client_stays_and_the_rule_that_would_have_matched_is_told) {
  auto settings = hub();
  settings.sender_canonical.maps = hash("# rules\nfoo@hub.test foo.user@example.com\n");
  const Rewriter rewriter(settings);
  const auto sender = address("foo@hub.test");
  Explanation why;
  const auto context = rewriter.header_context({"127.0.0.100"}, why);
  ASSERT_TRUE(context);
  const auto result =
      rewriter.headers("From: Foo <foo@hub.test>\r\n", *context, {sender, "QID", false, Time{}, {}, {}}, why);
  EXPECT_FALSE(result.section);
  const auto entries = why.entries();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].rule, "permit_inet_interfaces");
  EXPECT_EQ(entries[0].origin, (Origin{kMainCf, 31}));
  EXPECT_EQ(entries[0].failed, "client matches permit_inet_interfaces");
  EXPECT_EQ(entries[0].operand, "127.0.0.100");
  EXPECT_EQ(entries[1].step, "rewrite.sender_canonical");
  EXPECT_EQ(entries[1].rule, "foo@hub.test foo.user@example.com");
  EXPECT_EQ(entries[1].origin, (Origin{kTableFile, 2}));
  EXPECT_THAT(entries[1].keys, ElementsAre("foo@hub.test"));
  EXPECT_EQ(entries[1].failed, "client matches local_header_rewrite_clients");
  EXPECT_EQ(entries[1].operand, "127.0.0.100");
  EXPECT_EQ(entries[1].outcome, "header From left as it is: foo@hub.test would become foo.user@example.com");
}

TEST(Headers, only_a_header_with_a_changed_address_is_regenerated) {
  auto settings = hub();
  settings.sender_canonical.maps = hash("joe@hub.test joe.user@example.com\n");
  EXPECT_EQ(headers(settings,
                    "From: \"User,  Joe\"   <joe@hub.test>\r\nReply-To:joe@hub.test\r\n"
                    "To: joe@hub.test ,\r\n\tann@x.example\r\n" +
                        std::string(kRest)),
            "From: \"User,  Joe\" <joe.user@example.com>\r\nReply-To: joe.user@example.com\r\n"
            "To: joe@hub.test ,\r\n\tann@x.example\r\n" +
                std::string(kRest));
}

TEST(Headers, short_addresses_are_completed_in_the_local_context_only) {
  EXPECT_EQ(headers(hub(), "From: joe\r\nTo: bob smith@x.example\r\n" + std::string(kRest)),
            "From: joe@hub.test\r\nTo: bob@hub.test, smith@x.example\r\n" + std::string(kRest));
  EXPECT_EQ(headers(hub(), "From: joe\r\n", kNone), "From: joe\r\n");
}

TEST(Headers, some_are_dropped_for_every_client) {
  EXPECT_EQ(
      headers(hub(), "Return-Path: <a@b.c>\r\nFrom: a@b.c\r\nBCC: x@y.z,\r\n\tq@y.z\r\nContent-Length: 5\r\n",
              kNone),
      "From: a@b.c\r\n");
}

TEST(Headers, missing_ones_are_added_in_order) {
  EXPECT_EQ(headers(hub(), "Subject: s\r\n"),
            "Subject: s\r\nMessage-Id: <19700101000000.QID@mail.hub.test>\r\nDate: Thu, 1 Jan 1970 00:00:00 "
            "+0000\r\n"
            "From: joe@hub.test\r\n");
  EXPECT_EQ(headers(hub(), "", kNone), "");
}

TEST(Headers, resent_message_gets_resent_ones) {
  EXPECT_EQ(headers(hub(), "Resent-To: a@b.example\r\n"),
            "Resent-To: a@b.example\r\nResent-Message-Id: <19700101000000.QID@mail.hub.test>\r\n"
            "Resent-Date: Thu, 1 Jan 1970 00:00:00 +0000\r\nResent-From: joe@hub.test\r\n");
}

TEST(Headers, mailbox_line_and_space_before_the_colon_are_normalised) {
  EXPECT_EQ(headers(hub(), "From joe Mon\r\nSubject : s\r\n", kNone),
            "X-Mailbox-Line: From joe Mon\r\nSubject: s\r\n");
}

TEST(Headers, too_many_received_are_refused) {
  auto settings = hub();
  settings.hop_limit = 3;
  const Rewriter rewriter(settings);
  const auto sender = address("joe@hub.test");
  Explanation why;
  const auto result =
      rewriter.headers("Received: a\r\nReceived: b\r\n", kNone, {sender, "Q", false, Time{}, {}, {}}, why);
  ASSERT_TRUE(result.actions.refusal);
  EXPECT_EQ(result.actions.refusal->code, 554);
}

// Checks
// ---------------------------------------------------------------------------------------------------------

Actions actions_of(std::string_view rules, std::string_view section) {
  auto settings = hub();
  settings.header_checks.maps = pcre(rules);
  const Rewriter rewriter(settings);
  const auto sender = address("joe@hub.test");
  Explanation why;
  return rewriter.headers(section, kNone, {sender, "Q", false, Time{}, {}, {}}, why).actions;
}

TEST(HeaderChecks, reject_with_and_without_code) {
  EXPECT_EQ(actions_of("/^S:/ REJECT", "S: x\r\n").refusal->text, "message content rejected");
  const auto with_text = *actions_of("/^S:/ REJECT no way", "S: x\r\n").refusal;
  EXPECT_EQ(std::to_string(with_text.code) + " " + with_text.enhanced + " " + with_text.text,
            "550 5.7.1 no way");
  const auto temporary = *actions_of("/^S:/ REJECT 4.7.9 later", "S: x\r\n").refusal;
  EXPECT_EQ(std::to_string(temporary.code) + " " + temporary.enhanced + " " + temporary.text,
            "451 4.7.9 later");
  const auto number = *actions_of("/^S:/ REJECT 5.7 is no code", "S: x\r\n").refusal;
  EXPECT_EQ(number.text, "5.7 is no code");
}

TEST(HeaderChecks, actions_for_the_whole_message) {
  EXPECT_TRUE(actions_of("/^S:/ discard x", "S: x\r\n").discard);
  EXPECT_TRUE(actions_of("/^S:/ HOLD", "S: x\r\n").hold);
  EXPECT_EQ(actions_of("/^S:/ FILTER smtp:[127.0.0.1]:10025", "S: x\r\n").filter, "smtp:[127.0.0.1]:10025");
  EXPECT_EQ(actions_of("/^S:/ REDIRECT a@b.example", "S: x\r\n").redirect->text(), "a@b.example");
  EXPECT_EQ(actions_of("/^S:/ BCC a@b.example", "S: x\r\nS: y\r\n").bcc.size(), 2U);
  EXPECT_EQ(actions_of("/^S:/ PASS\n/^T:/ REJECT", "S: x\r\nT: y\r\n").refusal, std::nullopt);
}

TEST(HeaderChecks, notes_and_warnings_are_for_the_log) {
  const auto warned = actions_of("/^S:/ WARN odd", "S: x\r\n y\r\n");
  ASSERT_EQ(warned.notes.size(), 1U);
  EXPECT_EQ(warned.notes[0].action, "warning");
  EXPECT_EQ(warned.notes[0].content, "S: x? y");
  EXPECT_EQ(warned.notes[0].text, "odd");
  for (const std::string_view bad : {"/^S:/ NONSENSE", "/^S:/ FILTER smtp", "/^S:/ REDIRECT joe",
                                     "/^S:/ BCC joe", "/^S:/ REPLACE no header", "/^S:/ PREPEND"}) {
    EXPECT_EQ(actions_of(bad, "S: x\r\n").warnings.size(), 1U) << bad;
  }
}

TEST(HeaderChecks, replace_prepend_and_ignore_change_the_section) {
  auto settings = hub();
  settings.header_checks.maps =
      pcre("/^A:/ IGNORE\n/^B: (.*)/ REPLACE C: $1\n/^D:/ PREPEND E: e\n/^F:/ STRIP\n/^G:/ DUNNO\n");
  EXPECT_EQ(headers(settings, "A: 1\r\n 2\r\nB: x\r\n\ty\r\nD: d\r\nF: f\r\nG: g\r\n", kNone),
            "C: x\r\n\ty\r\nE: e\r\nD: d\r\nG: g\r\n");
}

TEST(HeaderChecks, replaced_address_header_is_rewritten_but_a_prepended_one_is_not) {
  auto settings = hub();
  settings.sender_canonical.maps = hash("joe@hub.test x@y.example\n");
  settings.header_checks.maps = pcre("/^From:/ REPLACE From: joe\n/^Sender:/ PREPEND Reply-To: joe\n");
  EXPECT_EQ(headers(settings, "From: a@b.c\r\nSender: a@b.example\r\n" + std::string(kRest)),
            "From: x@y.example\r\nReply-To: joe\r\nSender: a@b.example\r\n" + std::string(kRest));
}

TEST(BodyInspection, sees_parts_attached_messages_and_lines_each_with_its_own_checks) {
  auto settings = hub();
  settings.mime_header_checks.maps = pcre("/name=.*exe/ REPLACE X-Removed: exe\n");
  settings.nested_header_checks.maps = pcre("/^Subject: inner/ IGNORE\n");
  settings.body_checks.maps = pcre("/^bad/ REPLACE good\n/^gone/ IGNORE\n/^note/ PREPEND before\n");
  const Rewriter rewriter(settings);
  EXPECT_TRUE(rewriter.inspects_body());
  const std::string_view section =
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"b b\" (c)\r\n";
  const std::string body =
      "bad\r\n--b b\r\nContent-Type: application/x;\r\n name=x.exe\r\n\r\nSubject: inner\r\n--b b\r\n"
      "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nX: y\r\n\r\nnote\r\n--b b--\r\ngone\r\nend";
  const std::string want =
      "good\r\n--b b\r\nX-Removed: exe\r\n\r\nSubject: inner\r\n--b b\r\n"
      "Content-Type: message/rfc822\r\n\r\nX: y\r\n\r\nbefore\r\nnote\r\n--b b--\r\nend";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, body.size()}) {
    Explanation why;
    auto inspection = rewriter.body(section, false, why);
    std::string out;
    for (std::size_t at = 0; at < body.size(); at += piece) {
      inspection.feed(std::string_view(body).substr(at, piece), out);
    }
    inspection.finish(out);
    EXPECT_EQ(out, want) << "in pieces of " << piece;
  }
}

TEST(BodyInspection, looks_at_the_first_octets_of_a_body_only) {
  auto settings = hub();
  settings.body_checks.maps = pcre("/bad/ REJECT\n");
  settings.body_checks_size = 10;
  const Rewriter rewriter(settings);
  Explanation why;
  std::string out;
  auto inspection = rewriter.body("", false, why);
  inspection.feed("0123456789\r\nbad\r\n", out);
  EXPECT_FALSE(inspection.actions().refusal);
  auto second = rewriter.body("", false, why);
  second.feed("bad\r\n", out);
  EXPECT_TRUE(second.actions().refusal);
}

TEST(BodyInspection, long_lines_pass_whole) {
  auto settings = hub();
  settings.body_checks.maps = pcre("/never/ IGNORE\n");
  const Rewriter rewriter(settings);
  Explanation why;
  const auto body =
      std::string(100000, 'x') + "\r\n" + std::string(2048, 'y') + "\r\n" + std::string(2049, 'z');
  std::string out;
  auto inspection = rewriter.body("", false, why);
  inspection.feed(body, out);
  inspection.finish(out);
  EXPECT_EQ(out, body);
}

// On the way out
// -------------------------------------------------------------------------------------------------

OutboundSettings outbound() {
  const auto base = hub();
  OutboundSettings settings;
  settings.completion = base.completion;
  settings.lookup = base.lookup;
  settings.generic = {"rewrite.generic", "smtp_generic_maps", {}, {}, {kMainCf, 50}};
  settings.header_checks = {"smtp_header_checks", "rewrite.smtp_header_checks", {}, {kMainCf, 51}};
  settings.mime_header_checks = {"smtp_mime_header_checks", "rewrite.smtp_mime_header_checks", {}, {}};
  settings.nested_header_checks = {"smtp_nested_header_checks", "rewrite.smtp_nested_header_checks", {}, {}};
  settings.body_checks = {"smtp_body_checks", "rewrite.smtp_body_checks", {}, {}};
  return settings;
}

TEST(OutboundMail, nothing_set_changes_nothing) {
  const Outbound plain(outbound());
  EXPECT_FALSE(plain.changes_addresses());
  EXPECT_FALSE(plain.changes_headers());
  EXPECT_FALSE(plain.inspects_body());
}

TEST(OutboundMail, generic_maps_envelope_and_headers_in_one_pass) {
  auto settings = outbound();
  settings.generic.maps = hash("a@hub.test b@hub.test\nb@hub.test c@hub.test\n");
  const Outbound out(settings);
  Explanation why;
  EXPECT_EQ(out.address(address("a@hub.test"), "envelope sender", why)->text(), "b@hub.test");
  EXPECT_TRUE(out.address({}, "envelope sender", why)->null());
  const auto result = out.headers("From: A  <a@hub.test>\r\nX: a@hub.test\r\nTo:z@x.example\r\n", why);
  ASSERT_TRUE(result);
  EXPECT_EQ(*result->section, "From: A <b@hub.test>\r\nX: a@hub.test\r\nTo:z@x.example\r\n");
}

TEST(OutboundMail, checks_come_before_generic) {
  auto settings = outbound();
  settings.generic.maps = hash("ann@hub.test ann.user@x.example\n");
  settings.header_checks.maps =
      pcre("/^From:/ REPLACE From: ann@hub.test\n/^Received:/ IGNORE\n/^S:/ REJECT\n");
  const Outbound out(settings);
  Explanation why;
  const auto result = out.headers("Received: x\r\nFrom: joe\r\nS: s\r\n", why);
  ASSERT_TRUE(result);
  EXPECT_EQ(*result->section, "From: ann.user@x.example\r\nS: s\r\n");
  EXPECT_THAT(result->actions.warnings, ElementsAre(HasSubstr("unknown command")));
}

TEST(OutboundMail, table_without_answer_defers) {
  auto settings = outbound();
  settings.generic.maps = no_answer();
  const Outbound out(settings);
  Explanation why;
  EXPECT_EQ(out.address(address("a@hub.test"), "envelope sender", why).error().fault, Fault::temporary);
  EXPECT_FALSE(out.headers("From: a@hub.test\r\n", why));
}

}  // namespace
}  // namespace hikyaku::rewrite
