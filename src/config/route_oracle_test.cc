// The recorded cases of Postfix 3.7.11 (tests/oracle/README.md), as far as routing and access rules decide
// them: the replies to MAIL and RCPT, and transport, next hop and class of each recipient in the queue.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "config/policy_settings.h"
#include "config/route_settings.h"
#include "mail/address_tokens.h"
#include "mail/path.h"
#include "table/given_tables.h"

namespace hikyaku::config {
namespace {

using nlohmann::json;

constexpr const char* kTables =
    "/tables";  // what "@T@" of the cases stands for: a list file's name is absolute

std::string read_file(const std::string& name) {
  std::ifstream file(std::string(HIKYAKU_SOURCE_DIR) + "/tests/oracle/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// base_main.cf with the case's own settings instead of those that it sets itself.
std::string main_cf(const json& one) {
  std::set<std::string> own;
  for (const auto settings = one.value("config", json::object());
       const auto& [name, value] : settings.items())
    own.insert(name);
  const auto more = one.value("main_cf", "");
  const std::regex setting("(^|\n)([A-Za-z_0-9]+)[ \t]*=");
  for (std::sregex_iterator i(more.begin(), more.end(), setting), end; i != end; ++i) own.insert((*i)[2]);
  std::string text;
  std::istringstream base(read_file("base_main.cf"));
  for (std::string line; std::getline(base, line);) {
    auto name = line.substr(0, line.find('='));
    name.erase(name.find_last_not_of(' ') + 1);
    if (!own.contains(name)) text += line + "\n";
  }
  for (const auto settings = one.value("config", json::object());
       const auto& [name, value] : settings.items()) {
    text += name + " = " + value.get<std::string>() + "\n";
  }
  return text + more;
}

mail::Address internal_of(const std::string& external) {
  return *mail::Address::from_internal(mail::unquote_local_part(external));
}

/// One case's configuration, compiled.
class Hub {
 public:
  explicit Hub(const json& one) {
    table::GivenTables tables;
    const auto given = one.value("tables", json::object());
    for (const auto& [name, table] : given.items()) {
      tables.give(kTables + ("/" + name), table["content"].get<std::string>());
    }
    const std::regex place("@T@");
    const std::vector machine = {*table::Ip::parse("127.0.0.1")};
    const auto main = Main::parse(std::regex_replace(main_cf(one), place, kTables), "main.cf", sources_,
                                  diagnostics_, {"mail.hub.test", {{"127.0.0.1", "127.0.0.0/8"}}, "/"});
    auto route = route_settings(main, machine, tables, diagnostics_);
    auto policy = policy_settings(main, machine, tables, diagnostics_);
    if (!route || !policy) return;
    router = std::make_unique<route::Router>(std::move(*route));
    addresses_ = std::make_unique<RoutedAddresses>(*router);
    access = std::make_unique<policy::Access>(std::make_shared<const policy::Settings>(std::move(*policy)),
                                              *addresses_);
  }
  std::string faults() const { return text(diagnostics_, sources_); }

  std::unique_ptr<route::Router> router;
  std::unique_ptr<policy::Access> access;

 private:
  SourceCatalogue sources_;
  Diagnostics diagnostics_;
  std::unique_ptr<RoutedAddresses> addresses_;
};

std::string reply_of(const policy::Verdict& verdict, const std::string& yes) {
  switch (verdict.kind) {
    case policy::Verdict::Kind::go_on:
      return yes;
    case policy::Verdict::Kind::refuse:
      return verdict.refusal.line();
    case policy::Verdict::Kind::needs_dns:
      break;
  }
  return "needs DNS";
}

class RouteOracle : public testing::TestWithParam<std::string> {};

TEST_P(RouteOracle, does_what_postfix_does) {
  const auto one = json::parse(GetParam());
  if (one["compare"] == "loose") return;
  SCOPED_TRACE(one["id"].get<std::string>() + ": " + one.value("note", ""));
  const Hub hub(one);
  ASSERT_TRUE(hub.router && hub.access) << hub.faults();

  const auto address = one["client"].get<std::string>();
  const auto user = one.contains("sasl") && one["sasl"].is_string() ? one["sasl"].get<std::string>() : "";
  policy::Client client;
  client.ip = table::Ip::parse(address);
  client.address = address;
  client.sasl_user = user;
  const DnsFacts dns;
  const auto sender = internal_of(one["mail_from"].get<std::string>());
  Explanation why;
  std::size_t accepted = 0;
  bool discarding = false;
  std::optional<policy::Refusal> earlier;
  for (const auto stage : {&policy::Access::connection, &policy::Access::hello}) {
    auto verdict = (hub.access.get()->*stage)(
        {.client = client, .dns = dns, .helo = "client.test", .earlier = &earlier}, why);
    ASSERT_EQ(verdict.kind, policy::Verdict::Kind::go_on);
    earlier = std::move(verdict.deferral);
  }
  for (const auto& step : one["expected"]["smtp"]) {
    const auto command = step["cmd"].get<std::string>();
    const auto reply = step["reply"].get<std::string>();
    policy::Request request{.client = client,
                            .dns = dns,
                            .helo = "client.test",
                            .sender = &sender,
                            .accepted_recipients = accepted,
                            .discarding = discarding,
                            .earlier = &earlier};
    if (command.starts_with("MAIL")) {
      auto verdict = hub.access->sender(request, why);
      EXPECT_EQ(reply_of(verdict, "250 2.1.0 Ok"), reply);
      earlier = std::move(verdict.deferral);
    }
    if (!command.starts_with("RCPT TO:")) continue;
    const auto path = mail::Path::take(std::string_view(command).substr(8), mail::Path::Form::lenient);
    if (!path) {
      EXPECT_EQ(reply, "501 5.1.3 Bad recipient address syntax") << path.error().text;
      continue;
    }
    request.recipient = &path->path.address();
    const auto verdict = hub.access->recipient(request, why);
    EXPECT_EQ(reply_of(verdict, "250 2.1.5 Ok"), reply);
    if (verdict.kind == policy::Verdict::Kind::go_on) ++accepted;
    discarding = discarding || verdict.actions.discard;
  }
  for (const auto& want : one["expected"]["routes"]) {
    const auto route = hub.router->resolve(internal_of(want["sender"].get<std::string>()),
                                           internal_of(want["recipient"].get<std::string>()), why);
    ASSERT_TRUE(route) << route.error().text;
    EXPECT_EQ(route->transport, want["transport"].get<std::string>());
    EXPECT_EQ(route->nexthop, want["nexthop"].get<std::string>());
    EXPECT_EQ(route->recipient.internal(), want["address"].get<std::string>());
    const auto classes = want["class"].get<std::vector<std::string>>();
    EXPECT_NE(std::find(classes.begin(), classes.end(), route::text(route->domain_class)), classes.end())
        << route::text(route->domain_class);
    EXPECT_EQ(route->invalid, want["error"].get<bool>());
    const auto silent = hub.router->resolve(internal_of(want["sender"].get<std::string>()),
                                            internal_of(want["recipient"].get<std::string>()));
    ASSERT_TRUE(silent);
    EXPECT_EQ(silent->transport, route->transport);
    EXPECT_EQ(silent->nexthop, route->nexthop);
  }
}

std::vector<std::string> all_cases() {
  std::vector<std::string> lines;
  std::istringstream file(read_file("cases.jsonl") + read_file("access_cases.jsonl"));
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

INSTANTIATE_TEST_SUITE_P(, RouteOracle, testing::ValuesIn(all_cases()), [](const auto& row) {
  auto name = json::parse(row.param)["id"].template get<std::string>();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace hikyaku::config
