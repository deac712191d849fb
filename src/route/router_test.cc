#include "route/router.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mail/address_tokens.h"
#include "table/given_tables.h"
#include "table/spec.h"

namespace hikyaku::route {
namespace {

constexpr std::uint32_t kMainCf = 3;

mail::Address address(std::string_view internal) { return *mail::Address::from_internal(internal); }

/// What user%domain and domain!user become; hosts and origin are left alone here.
std::string complete(std::string_view external) {
  auto text = mail::unquote_local_part(external);
  if (text.find('@') == std::string::npos) {
    if (const auto bang = text.find('!'); bang != std::string::npos) {
      text = text.substr(bang + 1) + "@" + text.substr(0, bang);
    } else if (const auto percent = text.rfind('%'); percent != std::string::npos) {
      text[percent] = '@';
    }
  }
  return mail::quote_local_part(text);
}

/// Settings put together from texts of tables.
class Build {
 public:
  Build() {
    settings.myorigin = "hub.test";
    settings.myhostname = "mail.hub.test";
    settings.mydestination = {strings("mail.hub.test, localhost"), {kMainCf, 1}};
    settings.own_addresses = {*table::Ip::parse("192.0.2.1")};
    settings.local_transport = {"local:mail.hub.test", {}};
    settings.relay_transport = {"relay", {}};
    settings.default_transport = {"smtp", {kMainCf, 4}};
    settings.delimiters.set = "+";
    settings.null_relayhost_key = settings.null_default_transport_key = address("<>");
    settings.complete = complete;
  }
  Build& relayhost(std::string text) {
    settings.relayhost = {std::move(text), {kMainCf, 5}};
    return *this;
  }
  Build& relay_domains(std::string_view text) {
    settings.relay_domains = {
        *table::DomainList::compile(elements(text), tables_, table::Subdomains::by_parent_too), {kMainCf, 6}};
    return *this;
  }
  Build& virtual_domains(std::string_view alias, std::string_view mailbox) {
    settings.virtual_alias_domains = {strings(alias), {kMainCf, 7}};
    settings.virtual_mailbox_domains = {strings(mailbox), {kMainCf, 8}};
    return *this;
  }
  Build& transport(std::string text) { return give(settings.transport, std::move(text)); }
  Build& sender_relayhost(std::string text) {
    return give(settings.sender_dependent_relayhost, std::move(text));
  }
  Build& sender_transport(std::string text) {
    return give(settings.sender_dependent_default_transport, std::move(text));
  }
  Build& relocated(std::string text) { return give(settings.relocated, std::move(text)); }
  Build& failing_transport() {
    settings.transport = {*table::Maps::open({{"fail:broken", {}}}, tables_), {kMainCf, 9}};
    return *this;
  }
  Router done() { return Router(std::move(settings)); }

  Settings settings;

 private:
  static std::vector<table::Element> elements(std::string_view text) {
    std::vector<table::Element> out;
    for (const auto word : table::split_list(text)) out.push_back({std::string(word), {kMainCf, 2}});
    return out;
  }
  table::StringMatchList strings(std::string_view text) {
    return *table::StringMatchList::compile(elements(text), tables_);
  }
  Build& give(Tables& tables, std::string text) {
    tables_.give("/t", std::move(text));
    tables = {*table::Maps::open({{"hash:/t", {kMainCf, 9}}}, tables_), {kMainCf, 9}};
    return *this;
  }
  table::GivenTables tables_;
};

struct RouteCase {
  const char* name;
  std::string sender, recipient;
  std::string transport, nexthop;
  DomainClass domain_class = DomainClass::other;
  std::string resolved = {};  // the recipient, if it is another one then
  bool routed = false;
};

class RouteOfDomain : public testing::TestWithParam<RouteCase> {};

TEST_P(RouteOfDomain, is) {
  const auto& row = GetParam();
  const auto router =
      Build()
          .relay_domains("relay.test")
          .virtual_domains("alias.test", "boxes.test")
          .relayhost("[192.0.2.25]")
          .sender_relayhost(
              "joe@hub.test [192.0.2.26]\nann@hub.test dunno\n<> [192.0.2.27]\nuser [192.0.2.28]\n")
          .done();
  const auto route = router.resolve(address(row.sender), address(row.recipient));
  ASSERT_TRUE(route) << route.error().text;
  EXPECT_EQ(route->transport, row.transport);
  EXPECT_EQ(route->nexthop, row.nexthop);
  EXPECT_EQ(text(route->domain_class), text(row.domain_class));
  EXPECT_EQ(route->recipient.internal(), row.resolved.empty() ? row.recipient : row.resolved);
  EXPECT_EQ(route->routed, row.routed);
  EXPECT_FALSE(route->invalid);
}

INSTANTIATE_TEST_SUITE_P(
    , RouteOfDomain,
    testing::Values(
        RouteCase{"our_own_domain_is_local", "", "a@Localhost", "local", "mail.hub.test", DomainClass::local},
        RouteCase{"our_own_address_is_local", "", "a@[192.0.2.1]", "local", "mail.hub.test",
                  DomainClass::local},
        RouteCase{"the_address_of_another_is_not", "", "a@[192.0.2.9]", "smtp", "[192.0.2.27]"},
        RouteCase{"alias_domain_has_no_users", "", "a@alias.test", "error",
                  "5.1.1 User unknown in virtual alias table", DomainClass::virtual_alias},
        RouteCase{"mailbox_domain", "", "a@boxes.test", "virtual", "boxes.test",
                  DomainClass::virtual_mailbox},
        RouteCase{"relay_domain_by_the_senders_relayhost", "joe@hub.test", "a@sub.relay.test", "relay",
                  "[192.0.2.26]", DomainClass::relay},
        RouteCase{"other_domain_by_relayhost", "x@y.test", "a@dest.test", "smtp", "[192.0.2.25]"},
        RouteCase{"dunno_means_relayhost", "ann@hub.test", "a@dest.test", "smtp", "[192.0.2.25]"},
        RouteCase{"the_null_sender_has_a_key", "", "a@dest.test", "smtp", "[192.0.2.27]"},
        RouteCase{"a_user_of_myorigin_needs_no_domain", "user@hub.test", "a@dest.test", "smtp",
                  "[192.0.2.28]"},
        RouteCase{"no_domain_is_our_host", "", "a", "local", "mail.hub.test", DomainClass::local,
                  "a@mail.hub.test"},
        RouteCase{"percent_behind_our_domain", "x@y.test", "a%dest.test@localhost", "smtp", "[192.0.2.25]",
                  DomainClass::other, "a@dest.test"},
        RouteCase{"bang_before_our_domain", "x@y.test", "dest.test!a@localhost", "smtp", "[192.0.2.25]",
                  DomainClass::other, "a@dest.test"},
        RouteCase{"address_quoted_before_our_domain", "x@y.test", "a@dest.test@localhost", "smtp",
                  "[192.0.2.25]", DomainClass::other, "a@dest.test"},
        RouteCase{"our_domain_behind_our_domain", "x@y.test", "a%localhost@mail.hub.test", "local",
                  "mail.hub.test", DomainClass::local, "a@localhost"},
        RouteCase{"percent_of_others_stays",
                  "x@y.test",
                  "a%dest.test@other.test",
                  "smtp",
                  "[192.0.2.25]",
                  DomainClass::other,
                  {},
                  true},
        RouteCase{"quoted_local_part_stays", "x@y.test", "joe q@localhost", "local", "mail.hub.test",
                  DomainClass::local},
        RouteCase{"empty_local_part_is_the_mailer_daemon", "x@y.test", "@localhost", "local", "mail.hub.test",
                  DomainClass::local, "MAILER-DAEMON@localhost"},
        RouteCase{"case_of_the_domain_is_kept", "x@y.test", "a@DEST.test", "smtp", "[192.0.2.25]"}),
    [](const auto& row) { return std::string(row.param.name); });

struct TransportCase {
  const char* name;
  std::string entry;
  std::string transport, nexthop;
};
class TransportTable : public testing::TestWithParam<TransportCase> {};

TEST_P(TransportTable, overrides) {
  const auto& row = GetParam();
  const auto router = Build().relayhost("[192.0.2.25]").transport("dest.test " + row.entry + "\n").done();
  const auto route = router.resolve({}, address("a@dest.test"));
  ASSERT_TRUE(route) << route.error().text;
  EXPECT_EQ(route->transport, row.transport);
  EXPECT_EQ(route->nexthop, row.nexthop);
}

INSTANTIATE_TEST_SUITE_P(
    , TransportTable,
    testing::Values(TransportCase{"both", "alt:[192.0.2.9]:26", "alt", "[192.0.2.9]:26"},
                    TransportCase{"next_hop_alone", ":[192.0.2.9]", "smtp", "[192.0.2.9]"},
                    TransportCase{"transport_alone_resets_the_next_hop", "alt:", "alt", "dest.test"},
                    TransportCase{"transport_without_colon_too", "alt", "alt", "dest.test"},
                    TransportCase{"colon_changes_nothing", ":", "smtp", "[192.0.2.25]"},
                    TransportCase{"error_without_text", "error:", "error", "Address is undeliverable"},
                    TransportCase{"retry_without_text", "retry:", "retry", "Address is undeliverable"},
                    TransportCase{"error_with_text", "error:5.1.6 gone: away", "error", "5.1.6 gone: away"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Router, TellsWhySenderDependentTablesWereSilent) {
  const auto router = Build()
                          .relayhost("[192.0.2.25]")
                          .sender_relayhost("joe@hub.test [192.0.2.26]\n")
                          .transport("dest.test alt:\n")
                          .done();
  Explanation why;
  ASSERT_TRUE(router.resolve(address("joe@hub.test"), address("a@dest.test"), why));
  const auto entries = why.entries();
  ASSERT_EQ(entries.size(), 6U);
  EXPECT_EQ(entries[0].step, "route.domain_class");
  EXPECT_EQ(entries[1].step, "route.relayhost");
  EXPECT_EQ(entries[1].failed, "sender_dependent_relayhost_maps leaves the next hop alone");
  EXPECT_EQ(entries[1].operand, "sender_dependent_relayhost_maps: [192.0.2.26]");
  EXPECT_EQ(entries[1].origin, (Origin{kMainCf, 5}));
  EXPECT_EQ(entries[2].step, "route.sender_dependent_relayhost");
  EXPECT_EQ(entries[2].keys, (std::vector<std::string>{"joe@hub.test"}));
  EXPECT_EQ(entries[2].failed, "transport_maps leaves the next hop alone");
  EXPECT_EQ(entries[2].operand, "transport_maps: dest.test alt:");
  EXPECT_EQ(entries[2].origin, (Origin{table::GivenTables::kFile, 1}));
  EXPECT_EQ(entries[3].step, "route.default_transport");
  EXPECT_EQ(entries[3].failed, "transport_maps leaves the transport alone");
  EXPECT_EQ(entries[4].step, "route.transport_maps");
  EXPECT_EQ(entries[4].keys, (std::vector<std::string>{"a@dest.test", "dest.test"}));
  EXPECT_EQ(entries[4].outcome, "transport alt, next hop dest.test");
  EXPECT_EQ(entries[5].outcome, "transport alt, next hop dest.test");
}

TEST(Router, TellsThatLocalMailAsksNoSenderDependentTable) {
  const auto router = Build().sender_relayhost("joe@hub.test [192.0.2.26]\n").done();
  Explanation why;
  ASSERT_TRUE(router.resolve(address("joe@hub.test"), address("a@localhost"), why));
  EXPECT_EQ(why.entries()[1].failed, "recipient domain is not local or virtual");
  EXPECT_EQ(why.entries()[1].operand, "localhost is of class local");
  EXPECT_EQ(why.entries()[1].outcome, "not asked");
}

TEST(Router, SenderDependentTransportStandsForAllOfDefaultTransport) {
  auto build = Build().relayhost("[192.0.2.25]").sender_transport("joe@hub.test alt:\n");
  build.settings.default_transport = {"slow:[192.0.2.99]", {}};
  const auto route = build.done().resolve(address("joe@hub.test"), address("a@dest.test"));
  ASSERT_TRUE(route);
  EXPECT_EQ(route->transport, "alt");
  EXPECT_EQ(route->nexthop, "[192.0.2.25]");
}

TEST(Router, MovedUsersAreAnErrorWithTheirNewAddress) {
  const auto route = Build().relocated("a@dest.test a@new.test\n").done().resolve({}, address("a@dest.test"));
  ASSERT_TRUE(route);
  EXPECT_TRUE(route->is_error());
  EXPECT_EQ(route->nexthop, "5.1.6 User has moved to a@new.test");
}

TEST(Router, TableThatCanNotAnswerDefers) {
  Explanation why;
  const auto route = Build().failing_transport().done().resolve({}, address("a@dest.test"), why);
  ASSERT_FALSE(route);
  EXPECT_EQ(route.error().fault, Fault::temporary);
  EXPECT_EQ(why.entries().back().failed, "all tables answer");
}

TEST(Router, SenderDependentNextHopWithoutTransportDefers) {
  const auto route = Build()
                         .sender_transport("joe@hub.test :[192.0.2.9]\n")
                         .done()
                         .resolve(address("joe@hub.test"), address("a@dest.test"));
  ASSERT_FALSE(route);
  EXPECT_EQ(route.error().fault, Fault::temporary);
}

TEST(Router, MalformedDomainsAndLeadingDashesAreInvalid) {
  const auto router = Build().done();
  for (const auto* one :
       {"a@", "a@-b.test", "a@b..test", "a@192.0.2.1", "a@[x]", "a@[IPv6:192.0.2.1]", "-a@dest.test"}) {
    const auto route = router.resolve({}, address(one));
    ASSERT_TRUE(route) << one;
    EXPECT_TRUE(route->invalid) << one;
  }
}

TEST(Router, EndlessAddressesEnd) {
  auto build = Build();
  build.settings.complete = [](std::string_view) { return std::string("a%b@localhost"); };
  const auto route = build.done().resolve({}, address("a%b@localhost"));
  ASSERT_FALSE(route);
  EXPECT_EQ(route.error().fault, Fault::temporary);
}

TEST(Router, FilterOverridesAll) {
  auto build = Build().transport("dest.test alt:\n");
  const auto router = build.done();
  Explanation why;
  const auto named = router.filter("scan:[127.0.0.1]:10025", address("a@dest.test"), why);
  ASSERT_TRUE(named);
  EXPECT_EQ(named->transport, "scan");
  EXPECT_EQ(named->nexthop, "[127.0.0.1]:10025");
  EXPECT_EQ(router.filter("scan:", address("a@dest.test"), why)->nexthop, "dest.test");
  EXPECT_FALSE(router.filter(":x", address("a@dest.test"), why));
}

}  // namespace
}  // namespace hikyaku::route
