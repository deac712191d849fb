#include "config/main_cf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hikyaku::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

/// A main.cf that was read, with what was said about it.
struct Reading {
  explicit Reading(std::string_view text, const System& system = {})
      : main(Main::parse(text, "main.cf", sources, diagnostics, system)) {}
  std::string said() const { return text(diagnostics, sources); }

  SourceCatalogue sources;
  Diagnostics diagnostics;
  Main main;
};

std::vector<std::string> texts(const std::vector<Value>& values) {
  std::vector<std::string> result;
  for (const auto& value : values) result.push_back(value.text);
  return result;
}

std::vector<std::uint32_t> lines(const std::vector<Value>& values) {
  std::vector<std::uint32_t> result;
  for (const auto& value : values) result.push_back(value.origin.line);
  return result;
}

struct Case {
  const char* name;
  const char* file;
  const char* parameter;
  const char* expected;
};

class MainCfValue : public testing::TestWithParam<Case> {};

TEST_P(MainCfValue, is_read) {
  const Reading reading(GetParam().file);
  EXPECT_EQ(reading.main.text(GetParam().parameter).text, GetParam().expected);
  EXPECT_EQ(reading.said(), "");
}

INSTANTIATE_TEST_SUITE_P(
    , MainCfValue,
    testing::Values(
        Case{"plain", "relayhost = [192.0.2.1]:25\n", "relayhost", "[192.0.2.1]:25"},
        Case{"without_blanks", "relayhost=x", "relayhost", "x"},
        Case{"with_many_blanks", "   \nrelayhost   =    [127.0.0.1]:11102   \n", "relayhost",
             "[127.0.0.1]:11102"},
        Case{"empty", "mydestination =\n", "mydestination", ""},
        Case{"with_an_equals_sign", "relayhost = = x\n", "relayhost", "= x"},
        Case{"continued", "relayhost =\n    [127.0.0.1]:11102\n", "relayhost", "[127.0.0.1]:11102"},
        Case{"continued_over_a_comment_and_an_empty_line",
             "sender_canonical_maps =\n# a comment inside\n\n   hash:/t/a,\n   # indented comment\n   "
             "hash:/t/b\nrelayhost=x\n",
             "sender_canonical_maps", "hash:/t/a,   hash:/t/b"},
        Case{"with_a_hash_that_is_no_comment", "relayhost = [127.0.0.1]:11102 # not a comment\n", "relayhost",
             "[127.0.0.1]:11102 # not a comment"},
        Case{"with_crlf", "relayhost = x\r\nmyorigin = y\r\n", "relayhost", "x"},
        Case{"after_a_byte_order_mark", "\xEF\xBB\xBFrelayhost = x\n", "relayhost", "x"},
        Case{"with_a_user_defined_name", "smarthost = [127.0.0.1]\nrelayhost = $smarthost:11102\n",
             "relayhost", "[127.0.0.1]:11102"},
        Case{"with_a_name_that_is_defined_later", "relayhost = $smarthost\nsmarthost = x\n", "relayhost",
             "x"},
        Case{"with_a_comparison",
             "use = yes\nrelayhost = ${{$use} == {yes} ? {[127.0.0.1]:11102} : {[127.0.0.1]:11103}}\n",
             "relayhost", "[127.0.0.1]:11102"},
        Case{"that_is_kept_raw", "smtpd_reject_footer = see $client_address\n", "smtpd_reject_footer",
             "see $client_address"},
        Case{"of_a_default_that_refers", "myhostname = mx.example.org\n", "smtp_helo_name", "mx.example.org"},
        Case{"of_a_derived_default", "myhostname = mx.example.org\n", "mydomain", "example.org"},
        Case{"of_a_list_default", "myhostname = mx.example.org\n", "mydestination",
             "mx.example.org, localhost.example.org, localhost"}),
    [](const auto& row) { return std::string(row.param.name); });

// The notebook's own snippets, to the letter.
TEST(MainCfNotebook, header_rewriting_clients) {
  EXPECT_EQ(Reading("").main.text("local_header_rewrite_clients").text, "permit_inet_interfaces");
  EXPECT_EQ(Reading("").main.text("sender_canonical_classes").text, "envelope_sender, header_sender");
  for (const auto* value : {"permit_inet_interfaces", "permit_mynetworks", "static:all"}) {
    const Reading reading("local_header_rewrite_clients = " + std::string(value));
    EXPECT_THAT(texts(reading.main.list("local_header_rewrite_clients")), ElementsAre(value));
    EXPECT_TRUE(reading.main.is_set("local_header_rewrite_clients"));
    EXPECT_EQ(reading.said(), "");
  }
}

TEST(MainCfNotebook, sender_dependent_routing) {
  const Reading reading(
      "sender_dependent_default_transport_maps = hash:/etc/postfix/sender_dependent_transport\n"
      "\n"
      "sender_dependent_relayhost_maps = hash:/etc/postfix/sender_dependent_relayhost\n");
  EXPECT_EQ(reading.said(), "");
  const auto first = reading.main.list("sender_dependent_default_transport_maps");
  EXPECT_THAT(texts(first), ElementsAre("hash:/etc/postfix/sender_dependent_transport"));
  EXPECT_EQ(reading.sources.text(first[0].origin), "main.cf:1");
  const auto second = reading.main.text("sender_dependent_relayhost_maps");
  EXPECT_EQ(second.text, "hash:/etc/postfix/sender_dependent_relayhost");
  EXPECT_EQ(reading.sources.text(second.origin), "main.cf:3");
  EXPECT_EQ(reading.main.text("default_transport").text, "smtp");
  EXPECT_TRUE(reading.main.origin("default_transport").built_in());
}

TEST(MainCfList, elements_know_their_line) {
  const Reading reading(
      "relay_domains = a.example,b.example,,\n"
      "# between\n"
      "   c.example $more\n"
      "more = d.example\n"
      "  e.example\n");
  const auto list = reading.main.list("relay_domains");
  EXPECT_THAT(texts(list), ElementsAre("a.example", "b.example", "c.example", "d.example", "e.example"));
  EXPECT_THAT(lines(list), ElementsAre(1, 1, 3, 4, 5));
  EXPECT_EQ(list[1].column, 27u);
  EXPECT_EQ(list[4].column, 3u);
  EXPECT_EQ(reading.main.text("relay_domains").origin.line, 1u);
}

TEST(MainCfList, braces_hold_an_element_together) {
  const Reading reading("transport_maps = inline:{ { dest.example = smtp: } {a=b} } hash:/t/x\n");
  EXPECT_THAT(texts(reading.main.list("transport_maps")),
              ElementsAre("inline:{ { dest.example = smtp: } {a=b} }", "hash:/t/x"));
  EXPECT_THAT(texts(Main::split({"{ a = b } {c, d}", {}})), ElementsAre("{ a = b }", "{c, d}"));
  EXPECT_THAT(Main::split({" , ", {}}), IsEmpty());
}

TEST(MainCfList, of_a_default_is_built_in) {
  const Reading reading("");
  for (const auto& element : reading.main.list("smtpd_relay_restrictions"))
    EXPECT_TRUE(element.origin.built_in());
  EXPECT_THAT(texts(reading.main.list("smtpd_relay_restrictions")),
              ElementsAre("permit_mynetworks", "permit_sasl_authenticated", "defer_unauth_destination"));
}

TEST(MainCfTyped, values) {
  const Reading reading(
      "smtpd_helo_required = YES\nmessage_size_limit = 5000\nminimal_backoff_time = "
      "90\nmaximal_queue_lifetime = 3\n"
      "delay_warning_time = 4\nslow_destination_concurrency_limit = 1\nslow_destination_rate_delay = 2m\n");
  EXPECT_EQ(reading.said(), "");
  EXPECT_TRUE(reading.main.boolean("smtpd_helo_required"));
  EXPECT_FALSE(reading.main.boolean("soft_bounce"));
  EXPECT_EQ(reading.main.size("message_size_limit"), 5000);
  EXPECT_EQ(reading.main.duration("minimal_backoff_time"), 90s);
  EXPECT_EQ(reading.main.duration("maximal_queue_lifetime"), 72h) << "its own unit is the day";
  EXPECT_EQ(reading.main.duration("delay_warning_time"), 4h) << "its own unit is the hour";
  EXPECT_EQ(reading.main.duration("hikyaku_ledger_lifetime"), 72h);
  EXPECT_EQ(reading.main.integer("smtpd_hard_error_limit"), 20) << "a default with a condition";
  EXPECT_EQ(reading.main.duration("smtpd_timeout"), 300s);
}

TEST(MainCfTyped, of_transports_fall_back_to_those_of_all) {
  const Reading reading(
      "default_destination_concurrency_limit = 7\nslow_destination_concurrency_limit = 1\n");
  const auto limit = [&](std::string_view transport) {
    return reading.main.integer_or(std::string(transport) + "_destination_concurrency_limit",
                                   "default_destination_concurrency_limit");
  };
  EXPECT_EQ(limit("slow"), 1);
  EXPECT_EQ(limit("smtp"), 7);
  EXPECT_EQ(limit("local"), 2) << "it has a default of its own";
  EXPECT_EQ(reading.main.integer("relay_destination_concurrency_limit"), 7);
  EXPECT_EQ(
      reading.main.text_or("slow_destination_concurrency_limit", "default_destination_concurrency_limit")
          .origin.line,
      2u);
  EXPECT_EQ(reading.main.duration_or("slow_destination_rate_delay", "default_destination_rate_delay"), 0s);
}

TEST(MainCfFind, gives_user_defined_names_too) {
  const Reading reading("smtpd_restriction_classes = strict\nstrict = reject_unauth_destination, permit\n");
  ASSERT_NE(reading.main.find("strict"), nullptr);
  EXPECT_THAT(texts(reading.main.list("strict")), ElementsAre("reject_unauth_destination", "permit"));
  EXPECT_EQ(reading.main.find("nobody"), nullptr);
}

TEST(MainCfOverrides, are_stronger_and_expanded_in_their_service) {
  Reading reading("mua_restrictions = permit_sasl_authenticated, reject\nsyslog_name = hub\n");
  const auto master = reading.sources.add("master.cf");
  const std::vector<Override> overrides{{"smtpd_recipient_restrictions", "$mua_restrictions", {master, 12}},
                                        {"syslog_name", "postfix/$service_name", {master, 13}},
                                        {"smtpd_helo_required", "no", {master, 14}},
                                        {"smtpd_helo_required", "yes", {master, 15}}};
  const auto view = reading.main.with_overrides(overrides, reading.diagnostics, "submission");
  EXPECT_EQ(reading.said(), "");
  EXPECT_THAT(texts(view.list("smtpd_recipient_restrictions")),
              ElementsAre("permit_sasl_authenticated", "reject"));
  EXPECT_EQ(reading.sources.text(view.list("smtpd_recipient_restrictions")[0].origin), "main.cf:1");
  EXPECT_EQ(reading.sources.text(view.origin("smtpd_recipient_restrictions")), "master.cf:12");
  EXPECT_EQ(view.text("syslog_name").text, "postfix/submission");
  EXPECT_TRUE(view.boolean("smtpd_helo_required"));
  EXPECT_EQ(view.origin("smtpd_helo_required").line, 15u);
  EXPECT_EQ(reading.main.text("syslog_name").text, "hub") << "main.cf itself stays as it is";
}

TEST(MainCfOverrides, are_validated) {
  Reading reading("");
  const auto master = reading.sources.add("master.cf");
  const std::vector<Override> overrides{{"smtpd_tls_wrappermode", "maybe", {master, 3}}};
  (void)reading.main.with_overrides(overrides, reading.diagnostics);
  EXPECT_THAT(reading.said(),
              HasSubstr("master.cf:3: error: smtpd_tls_wrappermode: \"maybe\" is neither yes nor no"));
}

TEST(MainCfDuplicate, the_last_counts_and_both_lines_are_told) {
  const Reading reading("relayhost = a\nmyorigin = x\nrelayhost = b\n");
  EXPECT_EQ(reading.main.text("relayhost").text, "b");
  EXPECT_EQ(
      reading.said(),
      "main.cf:3:1: warning: relayhost is also set in line 1; this later one counts\n  relayhost = b\n  ^\n");
}

struct Fault {
  const char* name;
  const char* file;
  const char* said;
};

class MainCfFault : public testing::TestWithParam<Fault> {};

TEST_P(MainCfFault, is_told_with_line_column_and_caret) {
  const Reading reading(GetParam().file);
  EXPECT_EQ(reading.said(), GetParam().said);
  EXPECT_TRUE(reading.diagnostics.failed());
}

INSTANTIATE_TEST_SUITE_P(
    , MainCfFault,
    testing::Values(
        Fault{"no_equals_sign", "\nrelayhost y\n",
              "main.cf:2:11: error: = is missing after \"relayhost\": write name = value\n  relayhost y\n    "
              "        ^\n"},
        Fault{"a_name_alone", "relayhost\n",
              "main.cf:1:1: error: = is missing after \"relayhost\": write name = value\n  relayhost\n  ^\n"},
        Fault{"no_name", "= x\n",
              "main.cf:1:1: error: the name before = is missing: write name = value\n  = x\n  ^\n"},
        Fault{"a_boolean", "smtpd_helo_required = true\n",
              "main.cf:1:23: error: smtpd_helo_required: \"true\" is neither yes nor no; write yes\n"
              "  smtpd_helo_required = true\n                        ^\n"},
        Fault{"a_size", "message_size_limit = 10M\n",
              "main.cf:1:22: error: message_size_limit: \"10M\" is not a number of octets, as 10240000 "
              "(without k or m)\n"
              "  message_size_limit = 10M\n                       ^\n"},
        Fault{"a_number", "hopcount_limit =\n  5x\n",
              "main.cf:2:3: error: hopcount_limit: \"5x\" is not a number\n    5x\n    ^\n"},
        Fault{"a_time", "queue_run_delay = 5 m\n",
              "main.cf:1:19: error: queue_run_delay: \"5 m\" is not a time: write a number and s, m, h, d or "
              "w without a "
              "blank between, as 30s or 5d (at most 68 years)\n  queue_run_delay = 5 m\n                    "
              "^\n"},
        Fault{"a_class", "notify_classes = resource,\n\tsoftwear\n",
              "main.cf:2:2: error: notify_classes: \"softwear\" is not known here; did you mean software?\n"
              "   softwear\n   ^\n"},
        Fault{"a_word", "smtpd_tls_security_level = always\n",
              "main.cf:1:28: error: smtpd_tls_security_level: \"always\" is not known here; it may be none, "
              "may, encrypt\n"
              "  smtpd_tls_security_level = always\n                             ^\n"},
        Fault{
            "a_table_without_a_type", "sender_canonical_maps = /etc/postfix/sc\n",
            "main.cf:1:25: error: sender_canonical_maps: the table \"/etc/postfix/sc\" has no type: write "
            "type:name, as "
            "hash:/etc/postfix/sc\n  sender_canonical_maps = /etc/postfix/sc\n                          ^\n"},
        Fault{"a_table_without_a_name", "sender_canonical_maps = hash:\n",
              "main.cf:1:25: error: sender_canonical_maps: the table \"hash:\" has no name: write type:name\n"
              "  sender_canonical_maps = hash:\n                          ^\n"},
        Fault{"a_list_brace", "transport_maps = inline:{ a = b\n",
              "main.cf:1:25: error: transport_maps: \"{\" is not closed\n  transport_maps = inline:{ a = b\n"
              "                          ^\n"},
        Fault{"a_reference_brace", "smtpd_banner = \xE6\x97\xA5\xE6\x9C\xAC ${x\n",
              "main.cf:1:24: error: smtpd_banner: \"{\" is not closed\n  smtpd_banner = "
              "\xE6\x97\xA5\xE6\x9C\xAC ${x\n"
              "                       ^\n"},
        Fault{"a_circle", "a = $b\nb = $(c)\nc = x${a}\n",
              "main.cf:1:5: error: the value of a refers to itself: a -> b -> c -> a\n  a = $b\n      ^\n"},
        Fault{"a_fault_that_came_by_reference", "yes_or_no = 1\nsmtpd_helo_required = $yes_or_no\n",
              "main.cf:1:13: error: smtpd_helo_required: \"1\" is neither yes nor no; write yes\n  yes_or_no "
              "= 1\n"
              "              ^\n"},
        Fault{
            "of_a_password_without_the_line", "smtp_sasl_password_maps = static:secret, x\n",
            "main.cf:1:42: error: smtp_sasl_password_maps: the table \"x\" has no type: write type:name, as "
            "hash:/etc/postfix/table\n"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MainCfFaults, all_are_told_in_one_run_and_defaults_stand_in) {
  const Reading reading("smtpd_helo_required = x\nrelayhost = ${\nmyorigin = good.example\n");
  EXPECT_EQ(reading.diagnostics.all().size(), 2u);
  EXPECT_FALSE(reading.main.boolean("smtpd_helo_required"));
  EXPECT_EQ(reading.main.text("relayhost").text, "");
  EXPECT_EQ(reading.main.text("myorigin").text, "good.example");
}

TEST(MainCfFaults, nul_octets_and_endless_files_are_refused) {
  EXPECT_THAT(Reading(std::string_view("relayhost = a\0b\n", 16)).said(),
              HasSubstr("main.cf:1:14: error: a NUL octet"));
  EXPECT_THAT(Reading(std::string(1024 * 1024 + 1, '\n')).said(), HasSubstr("longer than 1 MiB"));
}

TEST(MainCfWarning, a_first_line_that_continues_nothing_is_ignored) {
  const Reading reading("  relayhost = a\n also = this\nrelayhost = b\n");
  EXPECT_EQ(reading.main.text("relayhost").text, "b");
  EXPECT_THAT(reading.said(), HasSubstr("main.cf:1: warning: this line is ignored"));
  EXPECT_THAT(reading.said(), HasSubstr("main.cf:2: warning: this line is ignored"));
}

TEST(MainCfSystem, the_host_name_gives_the_domain) {
  EXPECT_EQ(Reading("", {.hostname = "mx.example.org"}).main.text("mydomain").text, "example.org");
  EXPECT_EQ(Reading("", {.hostname = "mx"}).main.text("myhostname").text, "mx.localdomain");
  EXPECT_EQ(Reading("mydomain = example.org\n", {.hostname = "mx"}).main.text("myhostname").text,
            "mx.example.org");
  EXPECT_EQ(Reading("mydomain = example.org\nmyhostname = hub.$mydomain\n").main.text("myhostname").text,
            "hub.example.org");
  EXPECT_EQ(Reading("", {.config_directory = "/x"}).main.text("config_directory").text, "/x");
}

struct Networks {
  const char* name;
  const char* file;
  const char* expected;
};

class MainCfNetworks : public testing::TestWithParam<Networks> {};

TEST_P(MainCfNetworks, by_style_and_interfaces) {
  const System system{.interfaces = {{"127.0.0.1", "127.0.0.0/8"},
                                     {"172.16.5.2", "172.16.5.0/24"},
                                     {"::1", "::1/128"},
                                     {"2001:db8::2", "2001:db8::/64"}}};
  const Reading reading(GetParam().file, system);
  EXPECT_EQ(reading.main.text("mynetworks").text, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    , MainCfNetworks,
    testing::Values(Networks{"by_default_the_addresses", "",
                             "127.0.0.1/32 172.16.5.2/32 [::1]/128 [2001:db8::2]/128"},
                    Networks{"subnets", "mynetworks_style = subnet\n",
                             "127.0.0.0/8 172.16.5.0/24 [::1]/128 [2001:db8::]/64"},
                    Networks{"subnets_below_level_2", "compatibility_level = 1\n",
                             "127.0.0.0/8 172.16.5.0/24 [::1]/128 [2001:db8::]/64"},
                    Networks{"classes", "mynetworks_style = class\n",
                             "127.0.0.0/8 172.16.0.0/16 [::1]/128 [2001:db8::]/64"},
                    Networks{"loopback_only", "inet_interfaces = loopback-only\n", "127.0.0.1/32 [::1]/128"},
                    Networks{"one_address", "inet_interfaces = 172.16.5.2\n", "172.16.5.2/32"},
                    Networks{"as_set", "mynetworks = 192.0.2.0/24\n", "192.0.2.0/24"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MainCfLevels, defaults_follow_the_compatibility_level) {
  const Reading now("myhostname = mx.example.org\n");
  EXPECT_FALSE(now.main.boolean("append_dot_mydomain"));
  EXPECT_TRUE(now.main.boolean("smtputf8_enable"));
  EXPECT_TRUE(now.main.boolean("smtpd_relay_before_recipient_restrictions"));
  EXPECT_EQ(now.main.text("relay_domains").text, "");
  const Reading old("compatibility_level = 0\nmyhostname = mx.example.org\n");
  EXPECT_TRUE(old.main.boolean("append_dot_mydomain"));
  EXPECT_FALSE(old.main.boolean("smtputf8_enable"));
  EXPECT_EQ(old.main.text("smtpd_relay_restrictions").text, "");
  EXPECT_EQ(old.main.text("relay_domains").text, "mx.example.org, localhost.example.org, localhost");
}

TEST(MainCfDeath, a_name_that_no_parameter_has_is_a_mistake_of_the_program) {
  const Reading reading("");
  EXPECT_DEATH((void)reading.main.text("no_such_parameter"), "no_such_parameter");
}

}  // namespace
}  // namespace hikyaku::config
