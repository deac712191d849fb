#include "serve/milter_manager_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "io/loopback.h"

namespace hikyaku::serve {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A folder with a configuration, and what was read of it.
class Configuration {
 public:
  explicit Configuration(const std::string& text, const std::map<std::string, std::string>& others = {}) {
    write("milter-manager.conf", text);
    for (const auto& [name, content] : others) write(name, content);
    auto loaded = MilterManagerFile::load(folder_ + "milter-manager.conf", sources, diagnostics);
    if (!loaded) {
      failure = loaded.error().text;
      return;
    }
    file = std::move(*loaded);
  }

  /// "error milter-manager.conf:3: text": all that was said, without the folder.
  std::vector<std::string> said() const {
    std::vector<std::string> all;
    for (const auto& one : diagnostics.all())
      all.push_back(std::string(text(one.level)) + " " + place(one.where) + ": " + one.text);
    return all;
  }
  std::string place(Origin origin) const {
    auto text = sources.text(origin);
    return text.starts_with(folder_) ? text.substr(folder_.size()) : text;
  }
  const config::ChildSettings& child(std::string_view name) const {
    for (const auto& one : file.settings.children)
      if (one.name == name) return one;
    ADD_FAILURE() << "no filter " << name;
    static const config::ChildSettings none;
    return none;
  }
  std::vector<std::string> conditions_of(std::string_view name) const {
    std::vector<std::string> names;
    for (const auto& use : child(name).conditions)
      names.push_back(file.settings.conditions.all()[use.number].name);
    return names;
  }
  /// What the conditions of a filter say.
  policy::StageDecision decide(std::string_view name, policy::StageFacts facts) {
    facts.child = name;
    return file.settings.conditions.decide(facts, child(name).uses(), memory, file.ruby.get());
  }

  MilterManagerFile file;
  std::string failure;
  SourceCatalogue sources;
  config::Diagnostics diagnostics;
  policy::MessageMemory memory;

 private:
  void write(const std::string& name, const std::string& text) {
    const auto path = std::filesystem::path(folder_) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  const hikyaku::testing_support::TemporaryFolder temporary_;
  const std::string folder_ = temporary_.file("");
};

const std::string kFilter =
    "define_milter(\"f\") { |milter| milter.connection_spec = \"inet:10026@localhost\" }\n";

// A configuration as the packages of milter-manager install it, with a local file beside it.
TEST(MilterManagerFile, ReadsAConfigurationAsItIsInstalled) {
  const Configuration read(
      R"(# -*- ruby -*-

load("applicable-conditions/*.conf")
load_default
load_if_exist("milter-manager.local.conf")
)",
      {{"applicable-conditions/s25r.conf", "this is never run ]"}, {"milter-manager.local.conf", R"(
security.privilege_mode = true
security.effective_user = "milter-manager"
log.level = "all"
manager.connection_spec = "unix:/var/spool/postfix/milter-manager/milter-manager.sock"
manager.unix_socket_mode = 0660
manager.unix_socket_group = "postfix"
manager.pid_file = "/run/milter-manager/milter-manager.pid"
manager.fallback_status_at_disconnect = "discard"
controller.connection_spec = "inet:10027@[::1]"

define_milter("milter-greylist") do |milter|
  milter.connection_spec = "unix:/run/milter-greylist/milter-greylist.sock"
  milter.description = "Greylisting"
  milter.fallback_status = "temporary-failure"
  milter.command = "/etc/init.d/milter-greylist"
  milter.command_options = "start --now"
  milter.user_name = "greylist"
  milter.applicable_conditions = ["S25R", "Remote Network"]
  milter.add_applicable_condition("Unauthenticated")
  milter.reading_timeout = 12.5
end

define_milter("clamav-milter") do |milter|
  milter.connection_spec = "inet:10028@[127.0.0.1]"
  milter.enabled = false
  milter.evaluation_mode = true
end
)"}});
  EXPECT_EQ(read.failure, "");
  const auto& settings = read.file.settings;
  EXPECT_EQ(settings.manager.connection->value.text(),
            "unix:/var/spool/postfix/milter-manager/milter-manager.sock");
  EXPECT_EQ(read.place(settings.manager.connection->origin), "milter-manager.local.conf:5");
  EXPECT_EQ(*settings.manager.unix_socket_mode, 0660U);
  EXPECT_EQ(*settings.manager.unix_socket_group, "postfix");
  EXPECT_EQ(settings.controller.connection->value.text(), "inet6:10027@[::1]");
  EXPECT_TRUE(*settings.privilege_mode);
  EXPECT_EQ(*settings.fallback_status, config::FallbackStatus::accept);
  EXPECT_TRUE(settings.fallback_status.origin.built_in());
  EXPECT_EQ(*settings.fallback_status_at_disconnect, config::FallbackStatus::discard);
  const auto& greylist = read.child("milter-greylist");
  EXPECT_EQ(read.place(greylist.origin), "milter-manager.local.conf:12");
  EXPECT_EQ(greylist.connection->text(), "unix:/run/milter-greylist/milter-greylist.sock");
  EXPECT_EQ(*greylist.fallback_status, config::FallbackStatus::temporary_failure);
  EXPECT_THAT(*greylist.command, ElementsAre("/etc/init.d/milter-greylist"));
  EXPECT_THAT(*greylist.command_options, ElementsAre("start", "--now"));
  EXPECT_EQ(*greylist.reading_timeout, std::chrono::milliseconds(12500));
  EXPECT_EQ(*greylist.connection_timeout, std::chrono::seconds(297));
  EXPECT_EQ(*greylist.writing_timeout, std::chrono::seconds(7));
  EXPECT_EQ(*greylist.end_of_message_timeout, std::chrono::seconds(297));
  EXPECT_THAT(read.conditions_of("milter-greylist"),
              ElementsAre("S25R", "Remote Network", "Unauthenticated"));
  EXPECT_EQ(read.place(greylist.conditions[2].origin), "milter-manager.local.conf:20");
  EXPECT_FALSE(*read.child("clamav-milter").enabled);
  EXPECT_TRUE(*read.child("clamav-milter").evaluation_mode);
  EXPECT_THAT(read.said(),
              ElementsAre("note applicable-conditions/s25r.conf:1: not read: what it defines is built in",
                          AllOf(HasSubstr("warning milter-manager.conf:4: "), HasSubstr("load_default"))));
  EXPECT_EQ(read.file.files.size(), 3U);
}

TEST(MilterManagerFile, HasMilterManagersDefaults) {
  const Configuration read("");
  EXPECT_EQ(read.file.settings.manager.connection->value.text(), "inet:10025@[127.0.0.1]");
  EXPECT_FALSE(read.file.settings.controller.connection);
  EXPECT_THAT(read.said(), ElementsAre(HasSubstr("no filter is defined")));
}

TEST(MilterManagerFile, RubyAroundItWorks) {
  const Configuration read(R"(
PORTS = {"one" => 1, "two" => 2}
def spec(port)
  "inet:#{10000 + port}@localhost"
end
PORTS.each do |name, port|
  next if ENV["HIKYAKU_NOT_SET"] == "yes"
  define_milter(name) { |milter| milter.connection_spec = spec(port) }
end
if File.exist?("milter-manager.conf") && "a-b".gsub(/-/, "_") == "a_b"
  define_milter("two") do |milter|
    milter.applicable_conditions += ["S25R"]
    milter.description = "again: #{milter.name} #{milter.enabled?} #{milter.reading_timeout}"
  end
end
define_milter("three") { |milter| milter.connection_spec = spec(3) }
defined_milters.each { |name| define_milter(name) { |milter| milter.fallback_status = "reject" } unless name == "one" }
remove_milter("three")
define_milter("two") do |milter|
  {"reading_timeout" => 9, :writing_timeout => 8}.each { |name, value| milter.send("#{name}=", value) }
  milter.public_send(:evaluation_mode=, milter.send(:enabled?))
  manager.send(:max_connections=, 11) if manager.respond_to?(:max_connections=)
end
)");
  EXPECT_THAT(read.said(), IsEmpty());
  ASSERT_EQ(read.file.settings.children.size(), 2U);
  EXPECT_EQ(read.child("two").connection->text(), "inet:10002@localhost");
  EXPECT_EQ(*read.child("two").description, "again: two true 7");
  EXPECT_THAT(read.conditions_of("two"), ElementsAre("S25R"));
  EXPECT_EQ(*read.child("one").fallback_status, config::FallbackStatus::accept);
  EXPECT_EQ(*read.child("two").fallback_status, config::FallbackStatus::reject);
  EXPECT_EQ(*read.child("two").reading_timeout, std::chrono::seconds(9));
  EXPECT_EQ(*read.child("two").writing_timeout, std::chrono::seconds(8));
  EXPECT_TRUE(*read.child("two").evaluation_mode);
  EXPECT_EQ(*read.file.settings.max_connections, 11U);
}

struct FaultCase {
  const char* name;
  const char* text;
  const char* said;
};
class FaultsOfAConfiguration : public testing::TestWithParam<FaultCase> {};
TEST_P(FaultsOfAConfiguration, AreToldWithTheirPlace) {
  const Configuration read(kFilter + GetParam().text);
  EXPECT_THAT(read.said(), Contains(HasSubstr(GetParam().said)));
}
INSTANTIATE_TEST_SUITE_P(
    , FaultsOfAConfiguration,
    testing::Values(
        FaultCase{"misspelt_setting", "\nmanager.conection_spec = \"inet:1\"",
                  "error milter-manager.conf:3: manager.conection_spec is not known; did you mean "
                  "manager.connection_spec?"},
        FaultCase{"misspelt_setting_of_a_filter",
                  "define_milter(\"f\") do |milter|\n  milter.fallback_stats = \"accept\"\nend",
                  "error milter-manager.conf:3: milter.fallback_stats is not known; did you mean "
                  "milter.fallback_status?"},
        FaultCase{"misspelt_call", "define_miltr(\"x\") { }",
                  "error milter-manager.conf:2: define_miltr is not known; did you mean define_milter?"},
        FaultCase{"misspelt_stopper",
                  "define_applicable_condition(\"x\") { |c| c.define_conect_stopper { true } }",
                  "error milter-manager.conf:2: condition.define_conect_stopper is not known; did you mean "
                  "condition.define_connect_stopper?"},
        FaultCase{
            "unknown_condition", "define_milter(\"f\") { |m| m.add_applicable_condition(\"S25\") }",
            "error milter-manager.conf:2: no applicable condition is named \"S25\"; did you mean \"S25R\"?"},
        FaultCase{"bad_status", "manager.fallback_status = \"tempfail\"",
                  "error milter-manager.conf:2: manager.fallback_status = \"tempfail\": accept, "
                  "temporary-failure, reject or "
                  "discard is meant"},
        FaultCase{"bad_socket", "manager.connection_spec = \"inet:0\"",
                  "error milter-manager.conf:2: manager.connection_spec = \"inet:0\": \"inet:0\" is no "
                  "socket: \"0\" is no port"},
        FaultCase{"bad_type", "manager.max_connections = \"ten\"",
                  "error milter-manager.conf:2: manager.max_connections = \"ten\": a number from 0 is meant"},
        FaultCase{"bad_timeout", "define_milter(\"f\") { |m| m.reading_timeout = 0 }",
                  "milter.reading_timeout = 0: a number of seconds is meant"},
        FaultCase{"bad_mode", "manager.unix_socket_mode = 99999",
                  "manager.unix_socket_mode = 99999: the rights of a file"},
        FaultCase{"bad_network", "remote_network.add_local_address(\"192.0.2.1/24\")",
                  "error milter-manager.conf:2: "},
        FaultCase{"bad_pattern", "s25r.add_whitelist(/[a&&b]/)", "error milter-manager.conf:2: "},
        FaultCase{"syntax", "manager.pid_file = )", "error milter-manager.conf:2: syntax error"},
        FaultCase{"exception", "\n\nraise \"no \\e[31mlicence\"",
                  "error milter-manager.conf:4: no \\x1b[31mlicence (RuntimeError)"},
        FaultCase{"constant", "Foo::BAR", "error milter-manager.conf:2: uninitialized constant"},
        FaultCase{
            "database", "database.type = \"mysql2\"",
            "warning milter-manager.conf:2: database.type has no effect here: there is no database here"},
        FaultCase{"event_loop", "manager.event_loop_backend = \"libev\"",
                  "warning milter-manager.conf:2: manager.event_loop_backend has no effect here: there is "
                  "one event loop"},
        FaultCase{"netstat", "manager.use_netstat_connection_checker",
                  "warning milter-manager.conf:2: manager.use_netstat_connection_checker has no effect here"},
        FaultCase{"netstat_with_seconds", "manager.use_netstat_connection_checker(1)",
                  "warning milter-manager.conf:2: manager.use_netstat_connection_checker has no effect here"},
        FaultCase{"maintained", "manager.maintained { }",
                  "warning milter-manager.conf:2: manager.maintained has no effect"},
        FaultCase{"no_such_file", "load(\"none.conf\")",
                  "error milter-manager.conf:2: none.conf: no such file"},
        FaultCase{"no_such_filter", "remove_milter(\"g\")",
                  "warning milter-manager.conf:2: remove_milter: no filter is named"},
        FaultCase{"no_socket", "define_milter(\"g\") { }",
                  "error milter-manager.conf:2: the filter \"g\" has no connection_spec"},
        FaultCase{"one_socket_for_two", "controller.connection_spec = \"inet:10025@[127.0.0.1]\"",
                  "error milter-manager.conf:2: the controller listens where"},
        FaultCase{"library", "require \"mysql2\"",
                  "error milter-manager.conf:2: no library \"mysql2\" can be had here"},
        FaultCase{"library_without_anything", "require \"yaml\"",
                  "warning milter-manager.conf:2: require \"yaml\": nothing of this library can be had here"},
        FaultCase{"misspelt_setting_by_send", "define_milter(\"f\") { |m| m.send(:enabld=, false) }",
                  "error milter-manager.conf:2: milter.enabld is not known; did you mean milter.enabled?"},
        FaultCase{"stoppers_that_are_there",
                  "define_applicable_condition(\"x\") { |c| c.define_helo_stopper { true }; "
                  "raise [c.have_stopper?, c.have_stopper?(:helo), c.have_stopper?(\"data\")].inspect }",
                  "[true, true, false]"},
        FaultCase{"written_file", "File.open(\"/tmp/x\", \"w\")", "a configuration does not write files"},
        FaultCase{"output", "puts \"hello\"", "note default: the configuration wrote: hello"},
        FaultCase{"policy", "define_policy(\"x\") { }",
                  "error milter-manager.conf:2: policies can't be had here"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MilterManagerFile, AFaultOfALoadedFileIsToldThereAndTheRestIsRead) {
  const Configuration read(
      "load(\"a.conf\")\nload(\"b*.conf\")\n" + kFilter,
      {{"a.conf", "\nnil.x\n"}, {"b1.conf", "manager.pid_file = \"/b1\"\n"}, {"b2.conf", "LAST = 1\n"}});
  EXPECT_THAT(read.said(), ElementsAre(HasSubstr("error a.conf:2: undefined method 'x' (NoMethodError)")));
  EXPECT_EQ(*read.file.settings.pid_file, "/b1");
  EXPECT_EQ(read.file.settings.children.size(), 1U);
}

TEST(MilterManagerFile, WhatWasSaidStaysAsItWasSaid) {
  const Configuration read(R"(
names = ["S25R"]
text = "one"
define_milter("f") do |milter|
  milter.connection_spec = "inet:1@localhost"
  milter.applicable_conditions = names
  milter.description = text
end
names << "no such condition"
text << " and more"
)");
  EXPECT_THAT(read.said(), IsEmpty());
  EXPECT_THAT(read.conditions_of("f"), ElementsAre("S25R"));
  EXPECT_EQ(*read.child("f").description, "one");
}

TEST(MilterManagerFile, FilesThatLoadEachOtherEnd) {
  const Configuration read("load(\"a.conf\")\n", {{"a.conf", "load(\"a.conf\")\n"}});
  EXPECT_THAT(read.said(), Contains(HasSubstr("files load each other without end")));
}

TEST(MilterManagerFile, AnEndlessConfigurationEnds) {
  const Configuration read("\nloop { }\n");
  EXPECT_THAT(read.failure,
              AllOf(HasSubstr("milter-manager.conf:2: "), HasSubstr("it took more than 2000 ms")));
}

TEST(MilterManagerFile, NoFileIsAnError) {
  SourceCatalogue sources;
  config::Diagnostics diagnostics;
  const auto read = MilterManagerFile::load("/no/such/milter-manager.conf", sources, diagnostics);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fault, Fault::not_found);
  EXPECT_THAT(read.error().text, HasSubstr("/no/such/milter-manager.conf"));
}

TEST(MilterManagerFile, SetsTheBuiltInConditions) {
  Configuration read(R"(
s25r.add_whitelist("mx.example.com")
s25r.add_whitelist { |host| host.end_with?(".block.example") }
s25r.add_blacklist(/\.evil\.example\z/)
s25r.check_only_ipv4 = false
remote_network.add_local_address("192.0.2.0/24")
stress.threshold_n_connections = 75
trust.clear
trust.load_envelope_from_domains("trusted.list")
dnsbl.clear
dnsbl.add_service("list.example", "127.0.0.2")
dnsbl.name_servers = ["192.0.2.53"]
define_milter("f") do |milter|
  milter.connection_spec = "inet:1@localhost"
  milter.applicable_conditions = ["S25R", "Trust", "No Stress", "DNSBL Listed"]
end
restrict_accounts_by_list("bob@example.com", /@example\.co\.jp\z/, condition_name: "Restrict Accounts")
)",
                     {{"trusted.list", "# comment\n\nExample.net\n/\\.example\\.com/\n"}});
  ASSERT_THAT(read.said(), IsEmpty());
  EXPECT_THAT(read.conditions_of("f"),
              ElementsAre("S25R", "Trust", "No Stress", "DNSBL Listed", "Restrict Accounts"));
  const auto at_connect = [&](const char* name) {
    return read.decide(
        "f", {.client = {name, policy::MilterClient::Family::inet, "198.51.100.1", 1},
              .dnsbl = std::vector<policy::DnsblAnswer>{{"1.100.51.198.list.example", {"127.0.0.2"}}}});
  };
  EXPECT_THAT(at_connect("mx.example.com").stop.value().predicate,
              HasSubstr("on the whitelist: \"mx.example.com\""));
  EXPECT_THAT(at_connect("dhcp1.block.example").stop.value().predicate,
              HasSubstr("a block of the configuration"));
  EXPECT_FALSE(at_connect("mail.evil.example").stop);
  EXPECT_TRUE(at_connect("mail.example.org").stop);
  const auto trusted = [&](const char* sender) {
    return read.decide("f", {.stage = policy::MilterStage::envelope_from, .sender = sender}).macros.size();
  };
  EXPECT_EQ(trusted("<a@example.net>"), 1U);
  EXPECT_EQ(trusted("<a@b.example.com>"), 1U);
  EXPECT_EQ(trusted("<a@gmail.com>"), 0U);
  EXPECT_THAT(read.file.settings.dns_servers, ElementsAre("192.0.2.53"));
}

TEST(MilterManagerFile, AConditionOfItsOwnIsAskedAtEachStage) {
  Configuration read(kFilter + R"(
define_applicable_condition("Own") do |condition|
  condition.description = "mine"
  condition.define_connect_stopper do |context, host, address|
    context["seen"] = "#{host} #{address.address} #{address.port} #{address.local?} #{context.postfix?} #{context["{j}"]}"
    host == "stop.example"
  end
  condition.define_helo_stopper { |context, fqdn| fqdn == "stop" }
  condition.define_envelope_from_stopper { |context, from| context.authenticated? || /@stop>\z/ =~ from }
  condition.define_envelope_recipient_stopper do |context, recipient|
    context.mail_transaction_shelf["stop-on-data"] = true if /\A<someone@/ =~ recipient
    false
  end
  condition.define_data_stopper { |context| context.mail_transaction_shelf["stop-on-data"] }
  condition.define_header_stopper { |context, name, value| [name, value] == ["X-Spam-Flag", "YES"] }
  condition.define_end_of_header_stopper { |context| context.children["g"].reject? && context.children["none"].nil? }
  condition.define_body_stopper { |context, chunk| /^-----BEGIN PGP SIGNATURE-----$/ =~ chunk }
  condition.define_end_of_message_stopper { |context| raise "no more" }
end
define_milter("f") { |milter| milter.add_applicable_condition("Own") }
)");
  ASSERT_THAT(read.said(), IsEmpty());
  using Stage = policy::MilterStage;
  const policy::MacroValues macros = {{"v", "Postfix 3.7"}, {"j", "mail.example.org"}};
  const policy::MilterClient stop{"stop.example", policy::MilterClient::Family::inet, "127.0.0.1", 25};
  const auto connect = read.decide("f", {.client = stop, .macros = &macros});
  ASSERT_TRUE(connect.stop);
  EXPECT_EQ(connect.stop->predicate, "its connect stopper said so");
  EXPECT_EQ(read.place(connect.stop->origin), "milter-manager.conf:3");
  EXPECT_THAT(connect.macros,
              ElementsAre(testing::Pair("seen", "stop.example 127.0.0.1 25 true true mail.example.org")));
  EXPECT_TRUE(read.decide("f", {.stage = Stage::helo, .helo = "stop"}).stop);
  EXPECT_FALSE(read.decide("f", {.stage = Stage::helo, .helo = "go"}).stop);
  EXPECT_TRUE(read.decide("f", {.stage = Stage::envelope_from, .sender = "<a@stop>"}).stop);
  const policy::MacroValues authenticated = {{"{auth_type}", "PLAIN"}};
  EXPECT_TRUE(
      read.decide("f", {.stage = Stage::envelope_from, .sender = "<a@b>", .macros = &authenticated}).stop);
  EXPECT_FALSE(read.decide("f", {.stage = Stage::envelope_from, .sender = "<a@b>"}).stop);
  EXPECT_FALSE(read.decide("f", {.stage = Stage::data}).stop);
  EXPECT_FALSE(read.decide("f", {.stage = Stage::envelope_recipient, .recipient = "<someone@b>"}).stop);
  EXPECT_TRUE(read.decide("f", {.stage = Stage::data}).stop);
  EXPECT_TRUE(
      read.decide("f", {.stage = Stage::header, .header_name = "X-Spam-Flag", .header_value = "YES"}).stop);
  const policy::ChildState children[] = {{"f"}, {"g", policy::ChildState::Status::reject, true}};
  EXPECT_TRUE(read.decide("f", {.stage = Stage::end_of_header, .children = children}).stop);
  EXPECT_TRUE(read.decide("f", {.stage = Stage::body, .chunk = "x\n-----BEGIN PGP SIGNATURE-----\n"}).stop);
  const auto failed = read.decide("f", {.stage = Stage::end_of_message});
  EXPECT_FALSE(failed.stop);
  EXPECT_THAT(failed.failures, ElementsAre(AllOf(HasSubstr("condition \"Own\": "),
                                                 HasSubstr("milter-manager.conf:19: no more"))));
}

TEST(MilterManagerFile, AccountsCanBeRestrictedByABlock) {
  Configuration read(kFilter +
                     "restrict_accounts_generic(condition_name: \"Some\") { |context, recipient| recipient "
                     "== \"<bob@b>\" }\n");
  ASSERT_THAT(read.said(), IsEmpty());
  using Stage = policy::MilterStage;
  EXPECT_FALSE(read.decide("f", {.stage = Stage::envelope_recipient, .recipient = "<eve@b>"}).stop);
  EXPECT_TRUE(read.decide("f", {.stage = Stage::data}).stop);
  read.memory = {};
  EXPECT_FALSE(read.decide("f", {.stage = Stage::envelope_recipient, .recipient = "<bob@b>"}).stop);
  EXPECT_FALSE(read.decide("f", {.stage = Stage::data}).stop);
}

TEST(MilterManagerFile, AConditionOfItsOwnTakesTheNameOfABuiltInOne) {
  Configuration read("define_applicable_condition(\"S25R\") { |c| c.define_connect_stopper { false } }\n" +
                     kFilter + "define_milter(\"f\") { |m| m.add_applicable_condition(\"S25R\") }\n");
  EXPECT_FALSE(
      read.decide("f", {.client = {"mail.example.org", policy::MilterClient::Family::inet, "192.0.2.1", 1}})
          .stop);
}

TEST(MilterManagerFile, AnEndlessBlockIsEndedAndAfterThreeTimesNotAskedAgain) {
  Configuration read(kFilter + R"(
define_applicable_condition("Own") do |condition|
  condition.define_helo_stopper { |context, fqdn| fqdn == "spin" ? loop { } : true }
end
define_milter("f") { |milter| milter.add_applicable_condition("Own") }
)");
  const auto helo = [&](const char* name) {
    return read.decide("f", {.stage = policy::MilterStage::helo, .helo = name});
  };
  EXPECT_TRUE(helo("go").stop);
  for (int time = 0; time < 3; ++time) {
    const auto ended = helo("spin");
    EXPECT_FALSE(ended.stop) << "the child stays applicable";
    EXPECT_THAT(ended.failures, ElementsAre(HasSubstr("it took more than 200 ms")));
    if (time < 2) EXPECT_TRUE(helo("go").stop) << "a new interpreter answers";
  }
  EXPECT_THAT(helo("go").failures, ElementsAre(HasSubstr("not asked again")));
}

TEST(MilterManagerFile, BlocksAreAskedByManyThreads) {
  const Configuration read(kFilter + R"(
define_applicable_condition("Own") do |condition|
  condition.define_helo_stopper { |context, fqdn| fqdn.to_i.odd? }
end
define_milter("f") { |milter| milter.add_applicable_condition("Own") }
)");
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([&read, thread] {
      for (int number = 0; number < 50; ++number) {
        policy::MessageMemory memory;
        const auto name = std::to_string(number + thread);
        const auto decision = read.file.settings.conditions.decide(
            {.stage = policy::MilterStage::helo, .helo = name, .child = "f"}, read.child("f").uses(), memory,
            read.file.ruby.get());
        EXPECT_EQ(decision.stop.has_value(), (number + thread) % 2 == 1);
        EXPECT_THAT(decision.failures, IsEmpty());
      }
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace hikyaku::serve
