#include "config/milter_settings.h"

#include <gmock/gmock.h>

#include "config/files.h"
#include "table/given_tables.h"

namespace hikyaku::config {
namespace {

using milter::DefaultAction;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class NoTables final : public table::Opener {
 public:
  Result<std::shared_ptr<const table::Table>> open(std::string_view spec, Origin) override {
    return fail(Fault::not_found, "cannot open " + std::string(spec));
  }
};

struct Read {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  MilterSettings settings;

  explicit Read(std::string_view text, bool smtpd = true) {
    NoTables tables;
    const auto main = Main::parse(text, "main.cf", sources, diagnostics);
    settings = smtpd ? smtpd_milter_settings(main, tables, diagnostics)
                     : non_smtpd_milter_settings(main, tables, diagnostics);
  }
  std::string told() const {
    std::string all;
    for (const auto& one : diagnostics.all())
      all += sources.text(one.where) + ":" + std::to_string(one.column) + ": " + one.text + "\n";
    return all;
  }
};

TEST(MilterSettings, without_a_setting_nobody_is_asked) {
  const Read read("myhostname = mail.example\n");
  EXPECT_EQ(read.told(), "");
  EXPECT_FALSE(read.settings.any());
  EXPECT_EQ(read.settings.hostname, "mail.example");
  EXPECT_EQ(read.settings.daemon_name, "mail.example");
  EXPECT_EQ(read.settings.macros.of, milter::MacroLists::postfix().of);
  EXPECT_EQ(read.settings.defaults.default_action, DefaultAction::tempfail);
  EXPECT_EQ(read.settings.defaults.connect_timeout, std::chrono::seconds{30});
  EXPECT_EQ(read.settings.defaults.command_timeout, std::chrono::seconds{30});
  EXPECT_EQ(read.settings.defaults.content_timeout, std::chrono::seconds{300});
  EXPECT_EQ(read.settings.defaults.protocol, 6U);
}

TEST(MilterSettings, filters_keep_their_order_and_have_what_is_said_for_all_or_for_them) {
  const Read read(
      "queue_directory = /q\nmilter_default_action = accept\nmilter_command_timeout = 10s\n"
      "milter_protocol = 2 no_header_reply\n"
      "smtpd_milters = inet:localhost:8891,\n"
      " { unix:private/filter, command_timeout=5s default_action=quarantine, { content_timeout = 1m },\n"
      "   connect_timeout=1s, protocol=6 }\n"
      " unix:/run/last\n");
  ASSERT_EQ(read.told(), "");
  const auto& filters = read.settings.filters;
  ASSERT_EQ(filters.size(), 3U);
  EXPECT_EQ(filters[0].name, "inet:localhost:8891");
  EXPECT_EQ(filters[0].endpoint, (milter::Endpoint{"", "localhost", "8891"}));
  EXPECT_EQ(filters[0].default_action, DefaultAction::accept);
  EXPECT_EQ(filters[0].command_timeout, std::chrono::seconds{10});
  EXPECT_EQ(filters[0].protocol, 2U);
  EXPECT_TRUE(filters[0].no_header_reply);
  EXPECT_TRUE(filters[0].tell_ahead);
  EXPECT_EQ(read.sources.text(filters[0].origin), "main.cf:5");
  EXPECT_EQ(filters[1].name, "unix:/q/private/filter") << "where it is in fact";
  EXPECT_EQ(filters[1].endpoint.path, "/q/private/filter");
  EXPECT_EQ(filters[1].default_action, DefaultAction::quarantine);
  EXPECT_EQ(filters[1].connect_timeout, std::chrono::seconds{1});
  EXPECT_EQ(filters[1].command_timeout, std::chrono::seconds{5});
  EXPECT_EQ(filters[1].content_timeout, std::chrono::minutes{1});
  EXPECT_EQ(filters[1].protocol, 6U);
  EXPECT_FALSE(filters[1].no_header_reply);
  EXPECT_EQ(read.sources.text(filters[1].origin), "main.cf:6");
  EXPECT_EQ(filters[2].endpoint.path, "/run/last");
}

TEST(MilterSettings, mail_that_does_not_come_by_smtp_has_a_list_of_its_own) {
  constexpr std::string_view kText = "smtpd_milters = inet:a:1\nnon_smtpd_milters = inet:b:2\n";
  EXPECT_EQ(Read(kText).settings.filters.at(0).name, "inet:a:1");
  EXPECT_EQ(Read(kText, false).settings.filters.at(0).name, "inet:b:2");
}

TEST(MilterSettings, receive_override_options_take_them_away) {
  EXPECT_FALSE(Read("smtpd_milters = inet:a:1\nreceive_override_options = no_milters\n").settings.any());
  EXPECT_TRUE(
      Read("smtpd_milters = inet:a:1\nreceive_override_options = no_address_mappings\n").settings.any());
}

TEST(MilterSettings, macros_are_those_of_the_settings) {
  const Read read(
      "milter_connect_macros = j {client_addr}\nmilter_unknown_command_macros = v\n"
      "milter_macro_daemon_name = ORIGINATING\nmilter_macro_v = mine\n"
      "milter_macro_defaults = {auth_type}=none, dept=sales { long = two words }\n"
      "  { {spaced} = a b, c }, {{tight} = d} {x}={y}\n");
  ASSERT_EQ(read.told(), "");
  EXPECT_THAT(read.settings.macros[milter::Stage::connect], ElementsAre("j", "{client_addr}"));
  EXPECT_THAT(read.settings.macros[milter::Stage::unknown], ElementsAre("v"));
  EXPECT_EQ(read.settings.daemon_name, "ORIGINATING");
  EXPECT_EQ(read.settings.version, "mine");
  EXPECT_THAT(read.settings.macro_defaults,
              ElementsAre(Pair("{auth_type}", "none"), Pair("dept", "sales"), Pair("long", "two words"),
                          Pair("{spaced}", "a b, c"), Pair("{tight}", "d"), Pair("{x}", "{y}")));
}

struct MacroDefault {
  const char* name;
  std::string_view text, macro, value;
};
class MilterSettingsMacroDefault : public testing::TestWithParam<MacroDefault> {};

TEST_P(MilterSettingsMacroDefault, IsWhatPostfixTells) {
  const Read read("milter_macro_defaults = " + std::string(GetParam().text) + "\n");
  EXPECT_EQ(read.told(), "");
  EXPECT_THAT(read.settings.macro_defaults,
              ElementsAre(Pair(std::string(GetParam().macro), std::string(GetParam().value))));
}

// As Postfix 3.7.11 sends them.
INSTANTIATE_TEST_SUITE_P(
    , MilterSettingsMacroDefault,
    testing::Values(MacroDefault{"bare", "x=a", "x", "a"}, MacroDefault{"braced_name", "{x}=a", "{x}", "a"},
                    MacroDefault{"braced_value", "{x}={y}", "{x}", "{y}"},
                    MacroDefault{"in_braces", "{ x = a b }", "x", "a b"},
                    MacroDefault{"braced_name_in_braces", "{ {x} = a b, c }", "{x}", "a b, c"},
                    MacroDefault{"tightly", "{{x}=a b}", "{x}", "a b"},
                    MacroDefault{"both_braced_in_braces", "{{x}={y}}", "{x}", "{y}"},
                    MacroDefault{"braces_in_the_value", "{ {x} = {a} {b} }", "{x}", "{a} {b}"},
                    MacroDefault{"comma_behind", "{ x = a, }", "x", "a,"},
                    MacroDefault{"comma_before", "{ x = , a }", "x", ", a"},
                    MacroDefault{"comma_behind_the_braces", "{ x = a },", "x", "a"},
                    MacroDefault{"equals_in_the_value", "{ x = a=b }", "x", "a=b"},
                    MacroDefault{"two_equals", "{ x == a }", "x", "= a"},
                    MacroDefault{"stray_brace", "x=a}", "x", "a}"}, MacroDefault{"empty", "{x}=", "{x}", ""},
                    MacroDefault{"empty_in_braces", "{ {x} = }", "{x}", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MilterSettings, of_two_defaults_of_a_macro_the_first_counts) {
  const Read read("milter_macro_defaults = {x}=a, { {long} = b },\n  x=c long=d\n");
  EXPECT_FALSE(read.diagnostics.failed());
  EXPECT_THAT(read.settings.macro_defaults, ElementsAre(Pair("{x}", "a"), Pair("{long}", "b")));
  ASSERT_EQ(read.diagnostics.all().size(), 2U);
  EXPECT_EQ(read.diagnostics.all().front().level, Diagnostic::Level::warning);
  EXPECT_THAT(read.told(), HasSubstr("main.cf:2:3: milter_macro_defaults: \"x=c\" has no effect"));
  EXPECT_THAT(read.told(), HasSubstr("main.cf:2:7: milter_macro_defaults: \"long=d\" has no effect"));
}

struct Chrooted {
  const char* name;
  std::string main, master;
  std::string smtpd, others;  ///< the paths of the filters of the first service, and of local mail
};
class MilterSettingsChroot : public testing::TestWithParam<Chrooted> {};

TEST_P(MilterSettingsChroot, FindsSocketsWherePostfixDoes) {
  const auto& row = GetParam();
  SourceCatalogue sources;
  Diagnostics diagnostics;
  NoTables tables;
  const auto files = read_files({"main.cf", "queue_directory = /q\n" + row.main, "master.cf", row.master}, {},
                                sources, diagnostics);
  const auto& first = files.master.services().front();
  const auto& view = files.view(first);
  const auto paths = [](const MilterSettings& settings) {
    std::string all;
    for (const auto& one : settings.filters) all += (all.empty() ? "" : " ") + one.endpoint.path;
    return all;
  };
  EXPECT_EQ(paths(smtpd_milter_settings(view, tables, diagnostics)), row.smtpd);
  EXPECT_EQ(
      paths(non_smtpd_milter_settings(first.command == "pickup" ? view : files.main, tables, diagnostics)),
      row.others);
  EXPECT_FALSE(diagnostics.failed()) << text(diagnostics, sources);
}

const std::string kBoth = "smtpd_milters = unix:/s unix:t\nnon_smtpd_milters = local:/s\n";
INSTANTIATE_TEST_SUITE_P(
    , MilterSettingsChroot,
    testing::Values(
        Chrooted{"neither", kBoth, "25 inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\n", "/s /q/t",
                 "/s"},
        Chrooted{"smtpd", kBoth, "25 inet n - y - - smtpd\ncleanup unix n - n - 0 cleanup\n", "/q/s /q/t",
                 "/s"},
        Chrooted{"cleanup", kBoth, "25 inet n - n - - smtpd\ncleanup unix n - y - 0 cleanup\n", "/s /q/t",
                 "/q/s"},
        Chrooted{"not_told", kBoth, "25 inet n - - - - smtpd\ncleanup unix n - - - 0 cleanup\n", "/s /q/t",
                 "/s"},
        Chrooted{"not_told_of_an_old_configuration", kBoth + "compatibility_level = 0\n",
                 "25 inet n - - - - smtpd\ncleanup unix n - - - 0 cleanup\n", "/q/s /q/t", "/q/s"},
        Chrooted{"no_line_of_cleanup", kBoth, "25 inet n - y - - smtpd\n", "/q/s /q/t", "/s"},
        Chrooted{"another_cleanup", kBoth + "cleanup_service_name = mine\n",
                 "25 inet n - n - - smtpd\ncleanup unix n - y - 0 cleanup\nmine unix n - n - 0 cleanup\n",
                 "/s /q/t", "/s"},
        Chrooted{
            "pickup_hands_over_to_cleanup", "",
            "pickup unix n - n 60 1 pickup -o non_smtpd_milters=unix:/s\ncleanup unix n - y - 0 cleanup\n",
            "", "/q/s"},
        Chrooted{"postscreen_hands_over_to_smtpd", kBoth,
                 "25 inet n - n - 1 postscreen\nsmtpd pass - - y - - smtpd\n", "/q/s /q/t", "/s"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MilterSettings, a_table_s_sockets_of_a_chrooted_service_are_below_queue_directory) {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  NoTables tables;
  const auto files =
      read_files({"main.cf", "queue_directory = /q\n", "master.cf", "25 inet n - y - - smtpd\n"}, {}, sources,
                 diagnostics);
  const auto settings = smtpd_milter_settings(files.views.front(), tables, diagnostics);
  const auto filters = read_milters(settings, "{ unix:/s, default_action=accept }", {});
  ASSERT_EQ(filters.size(), 1U);
  EXPECT_EQ(filters[0].endpoint.path, "/q/s");
  EXPECT_EQ(filters[0].name, "unix:/q/s");
}

struct Wrong {
  const char* name;
  std::string_view text, says;
};
class MilterSettingsRefuse : public testing::TestWithParam<Wrong> {};

TEST_P(MilterSettingsRefuse, WithItsPlace) {
  const Read read(GetParam().text);
  EXPECT_TRUE(read.diagnostics.failed());
  EXPECT_THAT(read.told(), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    , MilterSettingsRefuse,
    testing::Values(
        Wrong{"an_address_without_transport", "smtpd_milters = inet:a:1, localhost:8891\n",
              "main.cf:1:27: smtpd_milters: 'localhost:8891' is no address of a milter"},
        Wrong{"an_unknown_attribute", "smtpd_milters = { inet:a:1, timeout=5s }\n",
              "\"timeout\" is nothing that one milter has"},
        Wrong{"an_attribute_without_a_value", "smtpd_milters = { inet:a:1, reject }\n", "write name=value"},
        Wrong{"a_time_that_is_none", "smtpd_milters = { inet:a:1, connect_timeout=soon }\n",
              "connect_timeout: \"soon\" is no time"},
        Wrong{"an_action_that_is_none", "smtpd_milters = { inet:a:1, default_action=drop }\n",
              "'drop' is no default action"},
        Wrong{"a_default_action_for_all_that_is_none", "milter_default_action = drop\n", "\"drop\""},
        Wrong{"a_version_that_is_none", "milter_protocol = 7\n", "no version of the milter protocol"},
        Wrong{"an_event_that_postfix_does_not_know", "milter_protocol = 6 no_body\n",
              "\"no_body\" is no version"},
        Wrong{"no_version", "milter_protocol = no_header_reply\n", "is missing"},
        Wrong{"no_time_at_all", "milter_command_timeout = 0s\n", "gets no time"},
        Wrong{"empty_braces", "smtpd_milters = { }\n", "is no milter"},
        Wrong{"an_attribute_with_text_behind_its_braces",
              "smtpd_milters = { inet:a:1, {protocol=6}{connect_timeout=5s} }\n", "write name=value"},
        Wrong{"a_macro_with_text_behind_its_braces", "milter_macro_defaults = {{x} = a}b\n",
              "main.cf:1:25: milter_macro_defaults: \"{{x} = a}b\": write name=value"},
        Wrong{"two_macros_without_a_blank", "milter_macro_defaults = {{x}=a}{{y}=b}\n", "write name=value"},
        Wrong{"a_macro_with_text_behind_its_name", "milter_macro_defaults = {x}y=a\n", "write name=value"},
        Wrong{"a_macro_without_a_name", "milter_macro_defaults = { = a }\n", "write name=value"},
        Wrong{"a_comma_before_a_macro", "milter_macro_defaults = {, x = a }\n", "write name=value"},
        Wrong{"a_macro_with_blanks_and_no_braces", "milter_macro_defaults = x = a\n",
              "\"=\": write name=value"},
        Wrong{"a_macro_in_blanks", "milter_macro_defaults = { { x } = a }\n", "write name=value"},
        Wrong{"a_macro_that_is_not_closed", "milter_macro_defaults = { {x} = a\n", "is not closed"},
        Wrong{"a_macro_of_two_words", "milter_macro_defaults = { a b = c }\n", "write name=value"},
        Wrong{"a_macro_without_a_value", "milter_macro_defaults = x\n", "write name=value"},
        Wrong{"a_table_that_is_not_there", "smtpd_milter_maps = hash:/none\n", "cannot open hash:/none"}),
    [](const auto& row) { return std::string(row.param.name); });

struct TableCase {
  const char* name;
  std::string tables, says;  ///< empty: nothing
};
class MilterSettingsResult : public testing::TestWithParam<TableCase> {};

TEST_P(MilterSettingsResult, ThatIsKnownIsLookedAt) {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  table::GivenTables tables;
  tables.give("/patterns", "/^192\\.0\\.(.*)/ garbage$1\n/^127/ disable\n/^10[.]/ nonsense\n");
  tables.give("/networks", "192.0.2.0/24 rubbish\n10.0.0.0/8 DISABLE\n");
  const auto main =
      Main::parse("smtpd_milter_maps = " + GetParam().tables + "\n", "main.cf", sources, diagnostics);
  EXPECT_TRUE(smtpd_milter_settings(main, tables, diagnostics).any());
  EXPECT_FALSE(diagnostics.failed());
  if (GetParam().says.empty()) {
    EXPECT_EQ(text(diagnostics, sources), "");
  } else {
    EXPECT_THAT(text(diagnostics, sources), HasSubstr(GetParam().says));
  }
}

INSTANTIATE_TEST_SUITE_P(
    , MilterSettingsResult,
    testing::Values(
        TableCase{"nonsense", "inline:{{127.0.0.1 = garbage}}",
                  "main.cf:1:42: warning: smtpd_milter_maps: the result for 127.0.0.1 is neither DISABLE nor "
                  "a list of filters: "
                  "'garbage' is no address of a milter"},
        TableCase{"one_of_a_list", "inline:{{127.0.0.1 = inet:a:1, b:2}}", "'b:2' is no address of a milter"},
        TableCase{"a_bad_attribute", "inline:{{127.0.0.1 = { inet:a:1, colour=red }}}",
                  "\"colour\" is nothing"},
        TableCase{"nonsense_for_all", "static:garbage",
                  "main.cf:1:28: warning: smtpd_milter_maps: the result for every client is"},
        TableCase{"of_a_pattern", "regexp:/patterns",
                  "?:3: warning: smtpd_milter_maps: the result for /^10[.]/ is neither DISABLE nor a list of "
                  "filters: 'nonsense'"},
        TableCase{"of_a_network", "cidr:/networks",
                  "?:1: warning: smtpd_milter_maps: the result for 192.0.2.0/24 is"},
        TableCase{"filters", "inline:{{127.0.0.1 = inet:a:1, { unix:/b, default_action=accept }}}", ""},
        TableCase{"none", "inline:{{127.0.0.1 = DISABLE} {127.0.0.2 = disable} {127.0.0.3 = Disable}}", ""},
        TableCase{"none_for_all", "static:DISABLE", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MilterSettings, a_table_gives_lists_like_the_setting_s) {
  const Read read("milter_default_action = accept\n");
  const auto good = read_milters(read.settings, "inet:a:1, { inet:b:2, default_action=reject }", {});
  ASSERT_EQ(good.size(), 2U);
  EXPECT_EQ(good[0].default_action, DefaultAction::accept);
  EXPECT_EQ(good[1].default_action, DefaultAction::reject);
  EXPECT_EQ(good[0].fault + good[1].fault, "");
}

TEST(MilterSettings, what_is_no_filter_in_a_table_s_list_has_its_fault_and_the_others_stay) {
  const Read read("milter_default_action = accept\n");
  const auto mixed = read_milters(read.settings, "nonsense, inet:b:2, { inet:c:3, colour=red }", {});
  ASSERT_EQ(mixed.size(), 3U);
  EXPECT_EQ(mixed[0].name, "nonsense");
  EXPECT_THAT(mixed[0].fault, HasSubstr("is no address of a milter"));
  EXPECT_EQ(mixed[1].fault, "");
  EXPECT_THAT(mixed[2].fault, HasSubstr("\"colour\" is nothing"));
  EXPECT_EQ(mixed[2].default_action, DefaultAction::accept);
}

}  // namespace
}  // namespace hikyaku::config
