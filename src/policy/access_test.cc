#include "policy/access.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "table/given_tables.h"
#include "table/spec.h"

namespace hikyaku::policy {
namespace {

constexpr std::uint32_t kMainCf = 3;

mail::Address address(std::string_view internal) { return *mail::Address::from_internal(internal); }

/// A router of few words: local.test, alias.test, boxes.test, relay.test and all others; "moved@" is an
/// error, "later@" a retry, "bad..test" no domain.
class FewDomains final : public AddressResolver {
 public:
  Result<Resolution> resolve(const mail::Address&, const mail::Address& given) const override {
    if (given.domain() == "broken.test") return fail(Fault::temporary, "broken");
    Resolution one;
    one.address = given;
    one.transport = "smtp";
    one.nexthop = given.domain();
    one.invalid = given.has_domain() && given.domain().find("..") != std::string::npos;
    one.routed = given.local().find('%') != std::string::npos;
    const std::map<std::string, DomainClass, std::less<>> classes{
        {"local.test", DomainClass::local},
        {"alias.test", DomainClass::virtual_alias},
        {"boxes.test", DomainClass::virtual_mailbox},
        {"relay.test", DomainClass::relay}};
    if (const auto found = classes.find(given.domain()); found != classes.end())
      one.domain_class = found->second;
    if (one.domain_class == DomainClass::virtual_alias) {
      one.transport = "error";
      one.nexthop = "5.1.1 User unknown in virtual alias table";
    }
    if (given.local() == "moved") {
      one.transport = "error";
      one.nexthop = "5.1.6 User has moved";
    }
    if (given.local() == "later") {
      one.transport = "retry";
      one.nexthop = "4.3.2 not now";
    }
    return one;
  }
};

class NoShortNames final : public table::LocalDomains {
 public:
  Result<bool> is_local(std::string_view domain) const override { return domain == "local.test"; }
};

/// A service with its lists, and one client in front of it.
class Service {
 public:
  Service() {
    settings.relay = list("permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination");
    settings.mynetworks = *table::NetworkList::compile({{"192.0.2.0/28", {kMainCf, 9}}}, tables);
    settings.local_domains = std::make_shared<NoShortNames>();
    settings.own_addresses = {*table::Ip::parse("192.0.2.1")};
    settings.default_rbl_reply =
        "$rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using $rbl_domain${rbl_reason?; "
        "$rbl_reason}";
    settings.delimiters.set = "+";
    from("198.51.100.7");
  }
  RestrictionList list(std::string_view text) {
    std::vector<table::Element> elements;
    for (const auto word : table::split_list(text)) elements.push_back({std::string(word), {kMainCf, 5}});
    std::vector<RestrictionFault> faults;
    auto made = compile_restrictions(elements, settings.classes, &tables, faults);
    for (const auto& fault : faults) ADD_FAILURE() << fault.text;
    return made;
  }
  Listing listing(const std::string& setting, std::string text) {
    tables.give("/" + setting, std::move(text));
    return {setting, *table::Maps::open({{"hash:/" + setting, {kMainCf, 20}}}, tables), {kMainCf, 20}};
  }
  void from(const std::string& text) {
    client_address = text;
    client.ip = table::Ip::parse(text);
    client.address = client_address;
  }
  Verdict ask(Verdict (Access::*stage)(const Request&, Explanation&) const, const std::string& sender,
              const std::string& recipient) {
    const Access access(std::make_shared<const Settings>(settings), resolver);
    const auto from = address(sender), to = address(recipient);
    Request request{.client = client,
                    .dns = dns,
                    .sender = &from,
                    .recipient = recipient.empty() ? nullptr : &to,
                    .accepted_recipients = accepted,
                    .etrn = "etrn.test"};
    if (!helo.empty()) request.helo = helo;
    return (access.*stage)(request, why);
  }
  /// The reply to RCPT; "ok"; or "? a.test A" for a question.
  std::string rcpt(const std::string& sender, const std::string& recipient) {
    const auto verdict = ask(&Access::recipient, sender, recipient);
    last = verdict;
    if (verdict.kind == Verdict::Kind::refuse) return verdict.refusal.line();
    if (verdict.kind == Verdict::Kind::go_on) return "ok";
    const char* const types[] = {" A", " AAAA", " MX", " NS", " TXT"};
    return "? " + verdict.questions.at(0).name + types[static_cast<int>(verdict.questions[0].type)];
  }

  table::GivenTables tables;
  Settings settings;
  FewDomains resolver;
  std::string client_address, helo = "client.test";
  Client client;
  DnsFacts dns;
  std::size_t accepted = 0;
  Explanation why;
  Verdict last;
};

struct RuleCase {
  const char* name;
  std::string restrictions;  // of smtpd_recipient_restrictions; the relay list only permits mynetworks
  std::string table;         // /t
  std::string sender, recipient;
  std::string reply;
  std::string helo = "client.test";
  std::string user = {};
};

class Rule : public testing::TestWithParam<RuleCase> {};

TEST_P(Rule, answers) {
  const auto& row = GetParam();
  Service service;
  service.settings.relay.clear();
  service.settings.sasl_enabled = true;
  service.settings.sender_login =
      service.listing("smtpd_sender_login_maps", "joe@hub.test joe, Boss\n@own.test boss\n");
  service.tables.give("/t", row.table);
  service.settings.classes.emplace(
      "strict", std::make_shared<const RestrictionList>(service.list("reject_non_fqdn_sender, permit")));
  service.settings.recipient = service.list(row.restrictions);
  service.helo = row.helo;
  service.client.sasl_user = row.user;
  EXPECT_EQ(service.rcpt(row.sender, row.recipient), row.reply);
}

INSTANTIATE_TEST_SUITE_P(
    Generic, Rule,
    testing::Values(RuleCase{"reject", "reject", "", "a@b.test", "c@d.test",
                             "554 5.7.1 <c@d.test>: Recipient address rejected: Access denied"},
                    RuleCase{"defer", "defer", "", "a@b.test", "c@d.test",
                             "450 4.3.2 <c@d.test>: Recipient address rejected: Try again later"},
                    RuleCase{"names_in_any_case", "REJECT", "", "a@b.test", "c@d.test",
                             "554 5.7.1 <c@d.test>: Recipient address rejected: Access denied"},
                    RuleCase{"warn_if_reject_refuses_nothing", "warn_if_reject, reject", "", "a@b.test",
                             "c@d.test", "ok"},
                    RuleCase{"warn_if_reject_covers_one", "warn_if_reject reject, reject", "", "a@b.test",
                             "c@d.test", "554 5.7.1 <c@d.test>: Recipient address rejected: Access denied"},
                    RuleCase{"warn_if_reject_covers_a_class", "warn_if_reject strict, permit", "", "a@b",
                             "c@d.test", "ok"},
                    RuleCase{"class", "strict", "", "a@b", "c@d.test",
                             "504 5.5.2 <a@b>: Sender address rejected: need fully-qualified address"},
                    RuleCase{"permit_in_a_class_ends_the_list", "strict, reject", "", "a@b.test", "c@d.test",
                             "ok"},
                    RuleCase{"defer_if_permit", "defer_if_permit, permit", "", "a@b.test", "c@d.test",
                             "450 4.7.0 <c@d.test>: Recipient address rejected: defer_if_permit requested"},
                    RuleCase{"defer_if_permit_then_refused", "defer_if_permit, reject", "", "a@b.test",
                             "c@d.test", "554 5.7.1 <c@d.test>: Recipient address rejected: Access denied"},
                    RuleCase{"defer_if_reject", "defer_if_reject, reject", "", "a@b.test", "c@d.test",
                             "450 4.7.0 <c@d.test>: Recipient address rejected: defer_if_reject requested"},
                    RuleCase{"plaintext_session", "reject_plaintext_session", "", "a@b.test", "c@d.test",
                             "450 4.7.1 Session encryption is required"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Relaying, Rule,
    testing::Values(
        RuleCase{"foreign_destination", "reject_unauth_destination", "", "a@b.test", "c@d.test",
                 "554 5.7.1 <c@d.test>: Relay access denied"},
        RuleCase{"foreign_destination_deferred", "defer_unauth_destination", "", "a@b.test", "c@d.test",
                 "454 4.7.1 <c@d.test>: Relay access denied"},
        RuleCase{"local_destination", "reject_unauth_destination", "", "a@b.test", "c@local.test", "ok"},
        RuleCase{"relay_destination", "reject_unauth_destination", "", "a@b.test", "c@relay.test", "ok"},
        RuleCase{"routed_address_is_no_relay_destination", "reject_unauth_destination", "", "a@b.test",
                 "c%d.test@relay.test", "554 5.7.1 <c%d.test@relay.test>: Relay access denied"},
        RuleCase{"permit_auth_destination", "permit_auth_destination, reject", "", "a@b.test", "c@relay.test",
                 "ok"},
        RuleCase{"router_can_not_answer", "reject_unauth_destination", "", "a@b.test", "c@broken.test",
                 "451 4.3.0 <c@broken.test>: Temporary lookup failure"},
        RuleCase{"permit_mynetworks_not_for_strangers", "permit_mynetworks, reject_unauth_destination", "",
                 "a@b.test", "c@d.test", "554 5.7.1 <c@d.test>: Relay access denied"},
        RuleCase{"logged_in", "permit_sasl_authenticated, reject", "", "a@b.test", "c@d.test", "ok", "h.test",
                 "joe"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Names, Rule,
    testing::Values(
        RuleCase{"short_helo", "reject_non_fqdn_helo_hostname", "", "a@b.test", "c@d.test",
                 "504 5.5.2 <client>: Helo command rejected: need fully-qualified hostname", "client"},
        RuleCase{"helo_literal_is_fine", "reject_non_fqdn_helo_hostname", "", "a@b.test", "c@d.test", "ok",
                 "[192.0.2.9]"},
        RuleCase{"malformed_helo", "reject_invalid_helo_hostname", "", "a@b.test", "c@d.test",
                 "501 5.5.2 <a_b..c>: Helo command rejected: Invalid name", "a_b..c"},
        RuleCase{"malformed_helo_literal", "reject_invalid_helo_hostname", "", "a@b.test", "c@d.test",
                 "501 5.5.2 <[300.1.1.1]>: Helo command rejected: invalid ip address", "[300.1.1.1]"},
        RuleCase{"no_helo_yet", "reject_invalid_helo_hostname", "", "a@b.test", "c@d.test", "ok", ""},
        RuleCase{"short_sender", "reject_non_fqdn_sender", "", "a@b", "c@d.test",
                 "504 5.5.2 <a@b>: Sender address rejected: need fully-qualified address"},
        RuleCase{"null_sender_is_fine", "reject_non_fqdn_sender", "", "", "c@d.test", "ok"},
        RuleCase{"short_recipient", "reject_non_fqdn_recipient", "", "a@b.test", "c@d",
                 "504 5.5.2 <c@d>: Recipient address rejected: need fully-qualified address"},
        RuleCase{"client_without_name", "reject_unknown_client_hostname", "", "a@b.test", "c@d.test",
                 "450 4.7.25 Client host rejected: cannot find your hostname, [198.51.100.7]"},
        RuleCase{"client_without_reverse_name", "reject_unknown_reverse_client_hostname", "", "a@b.test",
                 "c@d.test",
                 "450 4.7.1 Client host rejected: cannot find your reverse hostname, [198.51.100.7]"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Logins, Rule,
    testing::Values(RuleCase{"owner", "reject_sender_login_mismatch", "", "joe@hub.test", "c@d.test", "ok",
                             "h.test", "joe"},
                    RuleCase{"owner_in_any_case", "reject_sender_login_mismatch", "", "joe@hub.test",
                             "c@d.test", "ok", "h.test", "bOSS"},
                    RuleCase{"not_the_owner", "reject_sender_login_mismatch", "", "joe@hub.test", "c@d.test",
                             "553 5.7.1 <joe@hub.test>: Sender address rejected: not owned by user ann",
                             "h.test", "ann"},
                    RuleCase{"nobody_owns_it", "reject_sender_login_mismatch", "", "x@hub.test", "c@d.test",
                             "553 5.7.1 <x@hub.test>: Sender address rejected: not owned by user joe",
                             "h.test", "joe"},
                    RuleCase{"known_only", "reject_known_sender_login_mismatch", "", "x@hub.test", "c@d.test",
                             "ok", "h.test", "joe"},
                    RuleCase{"owned_and_not_logged_in", "reject_sender_login_mismatch", "", "any@own.test",
                             "c@d.test", "553 5.7.1 <any@own.test>: Sender address rejected: not logged in"},
                    RuleCase{"authenticated_only", "reject_authenticated_sender_login_mismatch", "",
                             "any@own.test", "c@d.test", "ok"},
                    RuleCase{"bounces_have_no_owner", "reject_sender_login_mismatch", "", "", "c@d.test",
                             "ok", "h.test", "joe"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Tables, Rule,
    testing::Values(
        RuleCase{"ok_ends_the_list", "check_client_access hash:/t, reject", "198.51.100 OK\n", "a@b.test",
                 "c@d.test", "ok"},
        RuleCase{"dunno_goes_on", "check_client_access hash:/t, reject", "198.51.100 DUNNO\n", "a@b.test",
                 "c@d.test", "554 5.7.1 <c@d.test>: Recipient address rejected: Access denied"},
        RuleCase{"digits_are_ok", "check_client_access hash:/t, reject", "198.51.100.7 1234567\n", "a@b.test",
                 "c@d.test", "ok"},
        RuleCase{"reject_with_text", "check_client_access hash:/t", "198.51.100.7 REJECT go away\n",
                 "a@b.test", "c@d.test", "554 5.7.1 <unknown[198.51.100.7]>: Client host rejected: go away"},
        RuleCase{"reject_with_code", "check_sender_access hash:/t", "b.test REJECT 5.1.8 no such\n",
                 "a@b.test", "c@d.test", "554 5.1.8 <a@b.test>: Sender address rejected: no such"},
        RuleCase{"code_fits_what_is_refused", "check_client_access hash:/t", "198.51.100.7 REJECT 5.1.1 x\n",
                 "a@b.test", "c@d.test", "554 5.0.0 <unknown[198.51.100.7]>: Client host rejected: x"},
        RuleCase{"own_reply", "check_sender_access hash:/t", "a@b.test 521 5.7.0 never\n", "a@b.test",
                 "c@d.test", "521 5.7.0 <a@b.test>: Sender address rejected: never"},
        RuleCase{"four_hundred", "check_sender_access hash:/t", "a@ 450 later\n", "a@b.test", "c@d.test",
                 "450 4.7.1 <a@b.test>: Sender address rejected: later"},
        RuleCase{"defer_word", "check_recipient_access hash:/t", "d.test DEFER\n", "a@b.test", "c@d.test",
                 "450 4.7.1 <c@d.test>: Recipient address rejected: Access denied"},
        RuleCase{"defer_if_permit_word", "check_recipient_access hash:/t, permit", "d.test DEFER_IF_PERMIT\n",
                 "a@b.test", "c@d.test",
                 "450 4.7.1 <c@d.test>: Recipient address rejected: Service unavailable"},
        RuleCase{"null_sender_key", "check_sender_access hash:/t", "<> REJECT\n", "", "c@d.test",
                 "554 5.7.1 <>: Sender address rejected: Access denied"},
        RuleCase{"bare_table_in_a_recipient_list", "hash:/t", "d.test REJECT\n", "a@b.test", "c@d.test",
                 "554 5.7.1 <c@d.test>: Recipient address rejected: Access denied"},
        RuleCase{"subdomain_by_parent", "check_recipient_access hash:/t", "test REJECT\n", "a@b.test",
                 "c@d.test", "554 5.7.1 <c@d.test>: Recipient address rejected: Access denied"},
        RuleCase{"ok_does_not_count_for_routed_recipients", "check_recipient_access hash:/t, reject",
                 "relay.test OK\n", "a@b.test", "c%d.test@relay.test",
                 "554 5.7.1 <c%d.test@relay.test>: Recipient address rejected: Access denied"},
        RuleCase{"restriction_as_answer", "check_sender_access hash:/t", "b.test reject_unauth_destination\n",
                 "a@b.test", "c@d.test", "554 5.7.1 <c@d.test>: Relay access denied"},
        RuleCase{"class_as_answer", "check_sender_access hash:/t, reject", "b.test strict\n", "a@b.test",
                 "c@d.test", "ok"},
        RuleCase{"list_as_answer", "check_sender_access hash:/t", "b.test permit_mynetworks, defer\n",
                 "a@b.test", "c@d.test", "450 4.3.2 <a@b.test>: Sender address rejected: Try again later"},
        RuleCase{"nonsense_as_answer", "check_sender_access hash:/t", "b.test rejct\n", "a@b.test",
                 "c@d.test", "451 4.3.5 Server configuration error"},
        RuleCase{"table_as_answer", "check_sender_access hash:/t", "b.test hash:/t\n", "a@b.test", "c@d.test",
                 "451 4.3.5 Server configuration error"},
        RuleCase{"table_that_can_not_answer", "check_sender_access fail:x", "", "a@b.test", "c@d.test",
                 "451 4.3.5 <a@b.test>: Sender address rejected: Server configuration error"},
        RuleCase{"login", "check_sasl_access hash:/t", "joe REJECT not you\n", "a@b.test", "c@d.test",
                 "554 5.7.1 <joe>: SASL login name rejected: not you", "h.test", "joe"},
        RuleCase{"helo_table", "check_helo_access hash:/t", "h.test REJECT\n", "a@b.test", "c@d.test",
                 "554 5.7.1 <h.test>: Helo command rejected: Access denied", "h.test"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Unlisted, Rule,
    testing::Values(
        RuleCase{"alias_domain", "permit", "", "a@b.test", "c@alias.test",
                 "550 5.1.1 <c@alias.test>: Recipient address rejected: User unknown in virtual alias table"},
        RuleCase{"error_transport", "permit", "", "a@b.test", "moved@d.test",
                 "550 5.1.6 <moved@d.test>: Recipient address rejected: User has moved"},
        RuleCase{"retry_transport", "permit", "", "a@b.test", "later@d.test",
                 "450 4.3.2 <later@d.test>: Recipient address rejected: not now"},
        RuleCase{"sender", "reject_unlisted_sender", "", "moved@b.test", "c@d.test",
                 "550 5.1.7 <moved@b.test>: Sender address rejected: User has moved"},
        RuleCase{"syntax", "permit", "", "a@b.test", "c@d..test", "501 5.1.3 Bad recipient address syntax"},
        RuleCase{"postmaster_alone_is_always_taken", "reject", "", "a@b.test", "PostMaster", "ok"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Access, KnowsUsersByTheListOfTheirClass) {
  Service service;
  service.settings.local_recipients = service.listing("local_recipient_maps", "ann x\n");
  service.settings.virtual_mailboxes = service.listing("virtual_mailbox_maps", "ann@boxes.test x\n");
  service.settings.relay_recipients = service.listing("relay_recipient_maps", "@relay.test x\n");
  service.settings.recipient_canonical =
      service.listing("recipient_canonical_maps", "old@local.test ann@local.test\n");
  EXPECT_EQ(service.rcpt("a@b.test", "ann@local.test"), "ok");
  EXPECT_EQ(service.rcpt("a@b.test", "ann+x@local.test"), "ok");
  EXPECT_EQ(service.rcpt("a@b.test", "old@local.test"), "ok");
  EXPECT_EQ(service.rcpt("a@b.test", "postmaster@local.test"), "ok");
  EXPECT_EQ(service.rcpt("a@b.test", "bob@local.test"),
            "550 5.1.1 <bob@local.test>: Recipient address rejected: User unknown in local recipient table");
  EXPECT_EQ(service.why.entries().back().step, "policy.unlisted_recipient");
  EXPECT_EQ(service.why.entries().back().origin, (Origin{kMainCf, 20}));
  EXPECT_EQ(service.why.entries().back().keys,
            (std::vector<std::string>{"bob@local.test", "bob", "@local.test"}));
  EXPECT_EQ(service.rcpt("a@b.test", "bob@boxes.test"),
            "550 5.1.1 <bob@boxes.test>: Recipient address rejected: User unknown in virtual mailbox table");
  EXPECT_EQ(service.rcpt("a@b.test", "bob@relay.test"), "ok");
  service.settings.show_unknown_table = false;
  EXPECT_EQ(service.rcpt("a@b.test", "bob@local.test"),
            "550 5.1.1 <bob@local.test>: Recipient address rejected: User unknown");
  service.settings.reject_unlisted_recipient = false;
  EXPECT_EQ(service.rcpt("a@b.test", "bob@local.test"), "ok");
}

TEST(Access, TellsWhichRuleDenied) {
  Service service;
  EXPECT_EQ(service.rcpt("a@b.test", "c@d.test"), "454 4.7.1 <c@d.test>: Relay access denied");
  const auto entries = service.why.entries();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].step, "policy.relay");
  EXPECT_EQ(entries[0].rule, "permit_mynetworks");
  EXPECT_EQ(entries[0].origin, (Origin{kMainCf, 5}));
  EXPECT_EQ(entries[0].failed, "client address is in mynetworks");
  EXPECT_EQ(entries[0].operand, "198.51.100.7");
  EXPECT_EQ(entries[0].outcome, "passed on");
  EXPECT_EQ(entries[1].failed, "client is logged in");
  EXPECT_EQ(entries[2].rule, "defer_unauth_destination");
  EXPECT_EQ(entries[2].failed, "");
  EXPECT_EQ(entries[2].operand, "d.test is in none of our lists");
  EXPECT_EQ(entries[2].outcome, "refused: 454 4.7.1 <c@d.test>: Relay access denied");
}

TEST(Access, TellsTheLineOfTheTableThatDecided) {
  Service service;
  service.tables.give("/t", "# strangers\n198.51.100 REJECT\n");
  service.settings.client = service.list("check_client_access hash:/t");
  service.rcpt("a@b.test", "c@local.test");
  const auto entry = service.why.entries().back();
  EXPECT_EQ(entry.step, "policy.client");
  EXPECT_EQ(entry.rule, "check_client_access hash:/t: 198.51.100 REJECT");
  EXPECT_EQ(entry.origin, (Origin{table::GivenTables::kFile, 2}));
  EXPECT_EQ(entry.keys, (std::vector<std::string>{"unknown", "198.51.100.7", "198.51.100"}));
}

TEST(Access, TrustedNetworksMayRelay) {
  Service service;
  service.from("192.0.2.3");
  EXPECT_EQ(service.rcpt("a@b.test", "c@d.test"), "ok");
  EXPECT_EQ(service.why.entries()[0].outcome, "permitted: mynetworks has 192.0.2.0/28");
}

TEST(Access, RelayListComesBeforeTheRecipientListUnlessToldOtherwise) {
  Service service;
  service.settings.recipient = service.list("reject");
  EXPECT_EQ(service.rcpt("a@b.test", "c@d.test"), "454 4.7.1 <c@d.test>: Relay access denied");
  service.settings.relay_before_recipient = false;
  EXPECT_EQ(service.rcpt("a@b.test", "c@d.test"),
            "554 5.7.1 <c@d.test>: Recipient address rejected: Access denied");
}

TEST(Access, DelaysTheEarlyListsUntilRcpt) {
  Service service;
  service.settings.client = service.list("reject");
  EXPECT_EQ(service.ask(&Access::connection, "", "").kind, Verdict::Kind::go_on);
  EXPECT_EQ(service.ask(&Access::sender, "a@b.test", "").kind, Verdict::Kind::go_on);
  EXPECT_EQ(service.rcpt("a@b.test", "c@local.test"),
            "554 5.7.1 <unknown[198.51.100.7]>: Client host rejected: Access denied");
  service.settings.delay_reject = false;
  EXPECT_EQ(service.ask(&Access::connection, "", "").refusal.line(),
            "554 5.7.1 <unknown[198.51.100.7]>: Client host rejected: Access denied");
  EXPECT_EQ(service.rcpt("a@b.test", "c@local.test"), "ok");
}

TEST(Access, RefusesMalformedSenders) {
  Service service;
  EXPECT_EQ(service.ask(&Access::sender, "a@b..test", "").refusal.line(),
            "501 5.1.7 Bad sender address syntax");
  EXPECT_EQ(service.ask(&Access::sender, "", "").kind, Verdict::Kind::go_on);
}

TEST(Access, ActsOnTheMessage) {
  Service service;
  service.tables.give(
      "/t",
      "d.test HOLD look at it\nf.test FILTER scan:[127.0.0.1]:10025\nr.test REDIRECT to@local.test\n"
      "p.test PREPEND X-Seen: yes\nb.test BCC copy@local.test\nx.test DISCARD\nw.test WARN strange\n");
  service.settings.relay = service.list("check_recipient_access hash:/t, permit");
  service.rcpt("a@b.test", "c@d.test");
  EXPECT_TRUE(service.last.actions.hold);
  EXPECT_EQ(service.last.actions.hold_reason, "look at it");
  service.rcpt("a@b.test", "c@f.test");
  EXPECT_EQ(service.last.actions.filter, "scan:[127.0.0.1]:10025");
  service.rcpt("a@b.test", "c@r.test");
  EXPECT_EQ(service.last.actions.redirect, address("to@local.test"));
  service.rcpt("a@b.test", "c@p.test");
  EXPECT_EQ(service.last.actions.prepend, (std::vector<std::string>{"X-Seen: yes"}));
  service.rcpt("a@b.test", "c@b.test");
  EXPECT_EQ(service.last.actions.bcc, (std::vector{address("copy@local.test")}));
  service.rcpt("a@b.test", "c@w.test");
  ASSERT_EQ(service.last.notes.size(), 1U);
  EXPECT_EQ(service.last.notes[0].kind, "warn");
  service.settings.recipient = service.list("reject");
  EXPECT_EQ(service.rcpt("a@b.test", "c@x.test"), "ok") << "DISCARD ends all restrictions";
  EXPECT_TRUE(service.last.actions.discard);
}

TEST(Access, AsksForDnsAndIsAskedAgain) {
  Service service;
  service.settings.client = service.list("reject_rbl_client list.test=127.0.0.[2..4]");
  EXPECT_EQ(service.rcpt("a@b.test", "c@local.test"), "? 7.100.51.198.list.test A");
  EXPECT_TRUE(service.why.empty());
  service.dns.add({"7.100.51.198.list.test", DnsQuestion::Type::a},
                  {DnsAnswer::Status::found, {"127.0.0.9", "127.0.0.3"}});
  EXPECT_EQ(service.rcpt("a@b.test", "c@local.test"), "? 7.100.51.198.list.test TXT");
  service.dns.add({"7.100.51.198.list.test", DnsQuestion::Type::txt},
                  {DnsAnswer::Status::found, {"open proxy"}});
  EXPECT_EQ(service.rcpt("a@b.test", "c@local.test"),
            "554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using list.test; open proxy");
}

TEST(Access, ListsThatDoNotAnswerBlockNobody) {
  Service service;
  service.settings.client = service.list("reject_rbl_client list.test");
  service.dns.add({"7.100.51.198.list.test", DnsQuestion::Type::a}, {DnsAnswer::Status::temporary, {}});
  EXPECT_EQ(service.rcpt("a@b.test", "c@local.test"), "ok");
}

struct DomainCase {
  const char* name;
  DnsAnswer::Status mx;
  std::vector<std::string> records;
  DnsAnswer::Status a;
  std::string reply;
};
class SenderDomain : public testing::TestWithParam<DomainCase> {};
TEST_P(SenderDomain, in_dns) {
  const auto& row = GetParam();
  Service service;
  service.settings.sender = service.list("reject_unknown_sender_domain");
  service.dns.add({"b.test", DnsQuestion::Type::mx}, {row.mx, row.records});
  service.dns.add({"b.test", DnsQuestion::Type::a}, {row.a, {}});
  service.dns.add({"b.test", DnsQuestion::Type::aaaa}, {DnsAnswer::Status::none, {}});
  EXPECT_EQ(service.rcpt("a@b.test", "c@local.test"), row.reply);
}
using Status = DnsAnswer::Status;
INSTANTIATE_TEST_SUITE_P(
    , SenderDomain,
    testing::Values(
        DomainCase{"exchanger", Status::found, {"mx.test"}, Status::none, "ok"},
        DomainCase{"address", Status::none, {}, Status::found, "ok"},
        DomainCase{"nothing",
                   Status::none,
                   {},
                   Status::none,
                   "450 4.1.8 <a@b.test>: Sender address rejected: Domain not found"},
        DomainCase{"unanswered",
                   Status::temporary,
                   {},
                   Status::none,
                   "450 4.1.8 <a@b.test>: Sender address rejected: Domain not found"},
        DomainCase{
            "null_mx",
            Status::found,
            {"."},
            Status::none,
            "550 5.7.27 <a@b.test>: Sender address rejected: Domain b.test does not accept mail (nullMX)"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Access, LooksUpTheExchangersOfASender) {
  Service service;
  service.tables.give("/t", "203.0.113 REJECT bad exchanger\nok.test OK\n");
  service.settings.sender = service.list("check_sender_mx_access hash:/t");
  EXPECT_EQ(service.rcpt("a@b.test", "c@local.test"), "? b.test MX");
  service.dns.add({"b.test", DnsQuestion::Type::mx}, {Status::found, {"mx.test"}});
  EXPECT_EQ(service.rcpt("a@b.test", "c@local.test"), "? mx.test A");
  service.dns.add({"mx.test", DnsQuestion::Type::a}, {Status::found, {"203.0.113.5"}});
  EXPECT_EQ(service.rcpt("a@b.test", "c@local.test"),
            "554 5.7.1 <a@b.test>: Sender address rejected: bad exchanger");
  service.dns.add({"b.test", DnsQuestion::Type::mx}, {Status::found, {"ok.test"}});
  EXPECT_EQ(service.rcpt("a@b.test", "c@local.test"), "451 4.3.5 Server configuration error")
      << "OK must not come from DNS";
}

TEST(Access, RefusesBouncesToMany) {
  Service service;
  service.settings.data = service.list("reject_multi_recipient_bounce");
  service.accepted = 2;
  EXPECT_EQ(service.ask(&Access::data, "", "").refusal.line(),
            "550 5.5.3 <DATA>: Data command rejected: Multi-recipient bounce");
  service.accepted = 1;
  EXPECT_EQ(service.ask(&Access::data, "", "").kind, Verdict::Kind::go_on);
}

TEST(Access, SoftBounceTurnsRefusalsIntoDeferrals) {
  Service service;
  service.settings.soft_bounce = true;
  service.settings.recipient = service.list("reject");
  service.from("192.0.2.3");
  EXPECT_EQ(service.rcpt("a@b.test", "c@d.test"),
            "454 4.7.1 <c@d.test>: Recipient address rejected: Access denied");
}

TEST(Access, EtrnHasItsOwnList) {
  Service service;
  service.tables.give("/t", "etrn.test REJECT\n");
  service.settings.etrn = service.list("hash:/t");
  EXPECT_EQ(service.ask(&Access::etrn, "", "").refusal.line(),
            "554 5.7.1 <etrn.test>: Etrn command rejected: Access denied");
}

TEST(Access, EtrnIsForEligibleDomainsOnly) {
  Service service;
  EXPECT_EQ(service.ask(&Access::etrn, "", "").refusal.line(), "459 4.7.0 <etrn.test>: service unavailable");
  service.settings.fast_flush =
      *table::DomainList::compile({{"test", {kMainCf, 9}}}, service.tables, table::Subdomains::by_parent_too);
  EXPECT_EQ(service.ask(&Access::etrn, "", "").kind, Verdict::Kind::go_on);
  service.settings.fast_flush = *table::DomainList::compile({{"fail:/t", {kMainCf, 9}}}, service.tables,
                                                            table::Subdomains::by_parent_too);
  EXPECT_EQ(service.ask(&Access::etrn, "", "").refusal.line(),
            "458 4.3.0 <etrn.test>: unable to queue messages");
}

}  // namespace
}  // namespace hikyaku::policy
