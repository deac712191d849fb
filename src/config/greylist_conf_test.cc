#include "config/greylist_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "greylist/rule_text.h"

namespace hikyaku::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Read {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  greylist::Configuration configuration;
  std::uint32_t file = sources.add("greylist.conf");

  explicit Read(std::string_view text) { configuration = read_greylist_conf(text, file, diagnostics); }
  std::string told() const { return text(diagnostics, sources); }
  std::vector<std::string> rules() const {
    std::vector<std::string> out;
    for (const auto& rule : configuration.rules) out.push_back(greylist::text(rule, configuration));
    return out;
  }
};

struct RuleCase {
  const char* name;
  const char* line;
  const char* rule;  ///< as it is told
};
void PrintTo(const RuleCase& row, std::ostream* out) { *out << row.line; }
class GreylistRule : public testing::TestWithParam<RuleCase> {};

constexpr const char* kDefinitions =
    "dnsrbl \"SBL\" sbl.example.org 127.0.0.2\n"
    "sm_macro \"spam\" \"{spam}\" \"yes\"\n"
    "ratelimit \"mine\" rcpt 10 / 1m\n"
    "urlcheck \"users\" \"http://localhost/%r\" 5\n"
    "ldapcheck \"people\" \"ldap://localhost/\"\n"
    "nsupdate \"mark\" { servers \"127.0.0.1\" rname \"%j.list.example\" rvalue \"127.0.0.2\" }\n"
    "list \"friends\" from { a@b.example /c/ }\n";

TEST_P(GreylistRule, is_read) {
  const Read read(std::string(kDefinitions) + GetParam().line + "\n");
  EXPECT_EQ(read.told(), "");
  EXPECT_THAT(read.rules(), ElementsAre(GetParam().rule));
}

TEST_P(GreylistRule, reads_back_from_what_is_told) {
  const Read read(std::string(kDefinitions) + GetParam().rule + "\n");
  EXPECT_EQ(read.told(), "");
  EXPECT_THAT(read.rules(), ElementsAre(GetParam().rule));
}

INSTANTIATE_TEST_SUITE_P(
    , GreylistRule,
    testing::Values(
        RuleCase{"the_seeds_own", "racl blacklist geoip \"CN\"", "racl blacklist geoip \"CN\""},
        RuleCase{"default", "racl greylist default", "racl greylist default"},
        RuleCase{"the_old_word", "acl whitelist default", "racl whitelist default"},
        RuleCase{"any_case", "RACL Whitelist ADDR 192.0.2.1", "racl whitelist addr 192.0.2.1"},
        RuleCase{"an_id", "racl \"mine\" greylist default", "racl \"mine\" greylist default"},
        RuleCase{"at_the_end_of_the_message", "dacl continue msgsize > 1M",
                 "dacl continue msgsize > 1048576"},
        RuleCase{"a_network", "racl whitelist addr 192.0.2.77/24", "racl whitelist addr 192.0.2.0/24"},
        RuleCase{"all_of_ipv4", "racl whitelist addr 192.0.2.77/0", "racl whitelist addr 0.0.0.0/0"},
        RuleCase{"a_network_of_ipv6", "racl whitelist addr 2001:db8::1/32",
                 "racl whitelist addr 2001:db8::/32"},
        RuleCase{"the_loopback", "racl whitelist addr ::1", "racl whitelist addr ::1"},
        RuleCase{"a_mapped_network", "racl whitelist addr ::ffff:192.0.2.77/120",
                 "racl whitelist addr 192.0.2.0/24"},
        RuleCase{"a_prefix_after_a_name", "racl whitelist domain a.example addr 10.0.0.0/8 rcpt /x/",
                 "racl whitelist domain a.example addr 10.0.0.0/8 rcpt /x/"},
        RuleCase{"an_address", "racl whitelist from Joe+x=y@a.example",
                 "racl whitelist from Joe+x=y@a.example"},
        RuleCase{"a_quoted_local_part", "racl whitelist rcpt \"a\\b\"@a.example",
                 "racl whitelist rcpt \"a\\b\"@a.example"},
        RuleCase{"the_raw_address", "racl whitelist rawfrom a@b.example",
                 "racl whitelist rawfrom a@b.example"},
        RuleCase{"an_expression", "racl whitelist from /.*@a\\/b\\.example$/",
                 "racl whitelist from /.*@a\\/b\\.example$/"},
        RuleCase{"an_expression_with_a_number_sign", "racl whitelist from /a#b/",
                 "racl whitelist from /a#b/"},
        RuleCase{"names_of_the_helo", "racl greylist helo \"localhost\"", "racl greylist helo \"localhost\""},
        RuleCase{"several_clauses", "racl greylist domain a.example not rcpt b@c.example",
                 "racl greylist domain a.example not rcpt b@c.example"},
        RuleCase{"the_three_negations", "racl greylist ! spf no tls \"x\" not auth /y/",
                 "racl greylist not spf pass not tls \"x\" not auth /y/"},
        RuleCase{
            "what_is_defined",
            "racl greylist dnsrbl \"SBL\" sm_macro \"spam\" ratelimit \"mine\" "
            "urlcheck \"users\" ldapcheck \"people\" nsupdate \"mark\" list \"friends\"",
            "racl greylist dnsrbl \"SBL\" sm_macro \"spam\" ratelimit \"mine\" urlcheck \"users\" ldapcheck "
            "\"people\" nsupdate \"mark\" list \"friends\""},
        RuleCase{"the_mx", "racl whitelist mx /24", "racl whitelist mx /24"},
        RuleCase{"spf_words", "racl blacklist spf fail", "racl blacklist spf fail"},
        RuleCase{"spf_alone_is_pass", "racl whitelist spf autowhite 3d",
                 "racl whitelist spf pass autowhite 259200s"},
        RuleCase{"spf_self", "racl whitelist spf self", "racl whitelist spf self"},
        RuleCase{"dkim", "dacl whitelist dkim pass", "dacl whitelist dkim pass"},
        RuleCase{"times", "racl greylist time \"0-4,45-47 * * * 1\"",
                 "racl greylist time \"0,1,2,3,4,45,46,47 * * * 1\""},
        RuleCase{"passes_of_a_domain", "racl whitelist rcpt codes@b.example passed >= 3",
                 "racl whitelist rcpt codes@b.example passed >= 3"},
        RuleCase{"counts", "racl blacklist rcptcount >= 25", "racl blacklist rcptcount >= 25"},
        RuleCase{"a_count_against_a_property", "racl blacklist rcptcount > $Most",
                 "racl blacklist rcptcount > $most"},
        RuleCase{"headers", "dacl blacklist header /^X-Spam: yes/", "dacl blacklist header /^X-Spam: yes/"},
        RuleCase{"a_property_in_the_body", "dacl blacklist body $needle", "dacl blacklist body $needle"},
        RuleCase{"properties_are_set", "racl continue set $a = \"x%f\" rset $b += 2 set $c -= $d",
                 "racl continue set $a = \"x%f\" rset $b += 2 set $c -= $d"},
        RuleCase{"properties_are_asked", "racl greylist $a \"x\" * $b \"y\" $c /z/ $d < 3 $e == $f",
                 "racl greylist $a \"x\" * $b \"y\" $c /z/ $d < 3 $e == $f"},
        RuleCase{"a_line_for_the_log", "racl continue log \"seen %i\"", "racl continue log \"seen %i\""},
        RuleCase{"a_tarpit", "racl greylist tarpit 10s tarpit_scope command",
                 "racl greylist tarpit 10s tarpit_scope command"},
        RuleCase{
            "all_values",
            "racl blacklist default delay 1h autowhite 2d code \"452\" ecode \"4.5.6\" msg \"no %r\" report "
            "\"r\" flushaddr nolog",
            "racl blacklist default delay 3600s autowhite 172800s code \"452\" ecode \"4.5.6\" msg \"no %r\" "
            "report \"r\" flushaddr nolog"},
        RuleCase{
            "changes_of_the_message",
            "dacl whitelist default addheader \"X-A: b\",1 addfooter \"c\" subjtag \"[d]\" maxpeek 10k",
            "dacl whitelist default addheader \"X-A: b\", 1 addfooter \"c\" subjtag \"[d]\" maxpeek 10240"},
        RuleCase{"a_comment_behind", "racl greylist default # all others", "racl greylist default"},
        RuleCase{"a_quote_in_quotes", "racl blacklist default msg \"say \\\"no\\\"\"",
                 "racl blacklist default msg \"say \\\"no\\\"\""},
        RuleCase{"over_several_lines",
                 "racl greylist \\ what stands here does not count\n  addr 192.0.2.1 \\\n  delay 1m",
                 "racl greylist addr 192.0.2.1 delay 60s"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(GreylistConf, LooksAtOldLinesBeforeAllRulesTheLastOneFirst) {
  const Read read(
      "racl greylist default\n"
      "addr 192.0.2.0/24\n"
      "from: a@b.example\n"
      "rcpt /x/\n"
      "domain c.example\n"
      "rawfrom d@e.example\n");
  EXPECT_EQ(read.told(), "");
  EXPECT_THAT(read.rules(),
              ElementsAre("racl whitelist rawfrom d@e.example", "racl whitelist domain c.example",
                          "racl whitelist rcpt /x/", "racl whitelist from a@b.example",
                          "racl whitelist addr 192.0.2.0/24", "racl greylist default"));
}

TEST(GreylistConf, GreylistsTheRecipientsOfOldLinesInTestMode) {
  const Read read("testmode\nrcpt a@b.example\nfrom c@d.example\n");
  EXPECT_THAT(read.rules(), ElementsAre("racl whitelist from c@d.example", "racl greylist rcpt a@b.example"));
}

TEST(GreylistConf, KeepsWhereARuleStands) {
  const Read read("\nracl greylist \\\n  domain a.example \\\n  delay 1h\n");
  ASSERT_EQ(read.configuration.rules.size(), 1U);
  const auto& rule = read.configuration.rules[0];
  EXPECT_EQ(rule.origin.line, 2U);
  EXPECT_EQ(rule.last_line, 4U) << "milter-greylist names a rule by the line on which it ends";
  ASSERT_EQ(rule.clauses.size(), 1U);
  EXPECT_EQ(rule.clauses[0].origin.line, 3U);
  EXPECT_EQ(rule.clauses[0].text, "domain a.example");
}

TEST(GreylistConf, TakesExtendedExpressionsFromTheirSettingOn) {
  const Read read("racl greylist from /a+b/\nextendedregex\nracl greylist from /a+b/\n");
  const auto matches = [&](std::size_t rule, std::string_view subject) {
    const auto& test = std::get<greylist::TextTest>(read.configuration.rules[rule].clauses[0].test);
    return test.pattern.match(subject).value().has_value();
  };
  EXPECT_TRUE(matches(0, "A+B"));
  EXPECT_FALSE(matches(0, "aab"));
  EXPECT_TRUE(matches(1, "aab"));
}

TEST(GreylistConf, ReadsAllSettings) {
  const Read read(R"(
pidfile "/run/g.pid"
socket "/run/g.sock" 660
dumpfile "/var/g.db" 600
dumpfreq -1
dump_no_time_translation
user "smmsp:mail"
geoipdb "/usr/share/GeoIP/GeoIP.dat"
geoipv6db "/usr/share/GeoIP/GeoIPv6.dat"
geoip2db "/usr/share/GeoIP/GeoLite2-Country.mmdb"
greylist 5m
autowhite: 3d
timeout 10
tarpit 5s
tarpit_scope command
subnetmatch /24
subnetmatch6 /64
lazyaw
quiet
noaccessdb
delayedreject
multiracl
testmode
domainexact
unbracket
nodetach
verbose
logexpired
noauth
nospf
report delays
maxpeek 64k
localaddr 192.0.2.1
logfac local3
syncaddr * port 7689
syncsrcaddr 192.0.2.2
syncmaxqlen 99
fixldapcheck
peer 192.0.2.3
peer mx2.example.org timeout 2m
stat ">>/var/log/g" "%T{%Y} %d"
ldapconf "ldap://localhost" timeout 2s binddn "cn=a" bindpw "s"
)");
  EXPECT_EQ(read.told(), "");
  const auto& all = read.configuration;
  using namespace std::chrono_literals;
  EXPECT_EQ(all.pidfile.value, "/run/g.pid");
  EXPECT_EQ(all.pidfile.origin.line, 2U);
  EXPECT_EQ(all.socket.value, "/run/g.sock");
  EXPECT_EQ(all.socket_mode, 0660U);
  EXPECT_EQ(all.dumpfile.value, "/var/g.db");
  EXPECT_EQ(all.dumpfile_mode, 0600U);
  EXPECT_EQ(all.dumpfreq.value, -1s);
  EXPECT_TRUE(all.dump_no_time_translation.value);
  EXPECT_EQ(all.user.value, "smmsp:mail");
  EXPECT_EQ(all.geoipdb.value, "/usr/share/GeoIP/GeoIP.dat");
  EXPECT_EQ(all.geoipv6db.value, "/usr/share/GeoIP/GeoIPv6.dat");
  EXPECT_EQ(all.geoip2db.value, "/usr/share/GeoIP/GeoLite2-Country.mmdb");
  EXPECT_EQ(all.greylist.value, 5min);
  EXPECT_EQ(all.autowhite.value, 72h);
  EXPECT_EQ(all.timeout.value, 10s);
  EXPECT_EQ(all.tarpit.value, 5s);
  EXPECT_EQ(all.tarpit_scope.value, greylist::TarpitScope::command);
  EXPECT_EQ(all.subnetmatch.value, 24U);
  EXPECT_EQ(all.subnetmatch6.value, 64U);
  for (const auto* flag : {&all.lazyaw, &all.quiet, &all.noaccessdb, &all.delayedreject, &all.multiracl,
                           &all.testmode, &all.domainexact, &all.unbracket, &all.nodetach, &all.verbose,
                           &all.logexpired, &all.noauth, &all.nospf, &all.fixldapcheck})
    EXPECT_TRUE(flag->value);
  EXPECT_EQ(all.report.value, greylist::Report::delays);
  EXPECT_EQ(all.maxpeek.value, 65536);
  EXPECT_EQ(all.localaddr.value, table::Ip::parse("192.0.2.1"));
  EXPECT_EQ(all.logfac.value, "local3");
  EXPECT_EQ(all.syncaddr.value, (greylist::SyncAddress{std::nullopt, 7689}));
  EXPECT_EQ(all.syncsrcaddr.value, (greylist::SyncAddress{table::Ip::parse("192.0.2.2"), std::nullopt}));
  EXPECT_EQ(all.syncmaxqlen.value, 99U);
  ASSERT_EQ(all.peers.size(), 2U);
  EXPECT_EQ(all.peers[0].host, "192.0.2.3");
  EXPECT_EQ(all.peers[0].timeout, 3s);
  EXPECT_EQ(all.peers[1].host, "mx2.example.org");
  EXPECT_EQ(all.peers[1].timeout, 2min);
  EXPECT_EQ(all.stat.value().output, ">>/var/log/g");
  EXPECT_EQ(all.stat.value().format, "%T{%Y} %d");
  EXPECT_EQ(all.ldap.value().uris, "ldap://localhost");
  EXPECT_EQ(all.ldap.value().timeout, 2s);
  EXPECT_EQ(all.ldap.value().bind_dn, "cn=a");
  EXPECT_EQ(all.ldap.value().bind_password, "s");
}

TEST(GreylistConf, HasTheDefaultsOfMilterGreylist) {
  const Read read("");
  using namespace std::chrono_literals;
  const auto& all = read.configuration;
  EXPECT_EQ(all.greylist.value, 30min);
  EXPECT_FALSE(all.greylist.given());
  EXPECT_EQ(all.autowhite.value, 24h);
  EXPECT_EQ(all.timeout.value, 120h);
  EXPECT_EQ(all.subnetmatch.value, 32U);
  EXPECT_EQ(all.subnetmatch6.value, 128U);
  EXPECT_EQ(all.dumpfreq.value, 10min);
  EXPECT_EQ(all.report.value, greylist::Report::all);
  EXPECT_EQ(all.syncmaxqlen.value, 1024U);
  EXPECT_THAT(read.rules(), IsEmpty());
}

TEST(GreylistConf, ReadsDefinitions) {
  const Read read(R"(
dnsrbl "SORBS" dnsbl.example.net 127.0.0.12/31
sm_macro "a" "{x}" /y/
sm_macro "b" "{x}" unset
ratelimit "in" session 2k/1h key "%sf"
urlcheck "u" "http://localhost/?%f" 7 postmsg getprop clear fork noencode
ldapcheck "l" "ldap://localhost/%r" clear domatch noescape
tsig "k" "hmac-sha256" "c2VjcmV0"
nsupdate "n" { servers "127.0.0.1" rname "%j.x" \
  rvalue "127.0.0.2" ttl 5m class 1 type 1 tsig "k" }
list "nets" addr { 192.0.2.0/24 2001:db8::/32 }
list "all" helo { "a" /b/ }
list "times" time { "* * * * 1" }
list "lands" geoip { "CN" "ZZ" }
list "lists" dnsrbl { "SORBS" }
)");
  EXPECT_EQ(read.told(), "");
  const auto& all = read.configuration;
  using namespace std::chrono_literals;
  EXPECT_EQ(all.dnsrbls.at(0).domain, "dnsbl.example.net");
  EXPECT_EQ(all.dnsrbls.at(0).answers.text(), "127.0.0.12/31");
  EXPECT_EQ(std::get<greylist::Pattern>(all.macros.at(0).test).text(), "y");
  EXPECT_TRUE(std::holds_alternative<greylist::MacroDefinition::Unset>(all.macros.at(1).test));
  EXPECT_EQ(all.ratelimits.at(0).limit, 2048);
  EXPECT_EQ(all.ratelimits.at(0).period, 1h);
  EXPECT_EQ(all.ratelimits.at(0).key_format, "%sf");
  const auto& url = all.urlchecks.at(0);
  EXPECT_EQ(url.most_at_a_time, 7U);
  EXPECT_TRUE(url.postmsg && url.getprop && url.clear && url.fork && url.noencode);
  const auto& ldap = all.ldapchecks.at(0);
  EXPECT_TRUE(ldap.clear && ldap.domatch && ldap.noescape);
  const auto& update = all.nsupdates.at(0);
  EXPECT_EQ(update.rvalue_format, "127.0.0.2");
  EXPECT_EQ(update.ttl, 5min);
  EXPECT_EQ(update.record_type, 1);
  EXPECT_EQ(update.tsig, "k");
  ASSERT_EQ(all.lists.size(), 5U);
  EXPECT_EQ(greylist::text(all.lists[0].tests.at(1), all), "addr 2001:db8::/32");
  EXPECT_EQ(greylist::text(all.lists[1].tests.at(1), all), "helo /b/");
  EXPECT_EQ(greylist::text(all.lists[2].tests.at(0), all), "time \"* * * * 1\"");
  EXPECT_EQ(greylist::text(all.lists[3].tests.at(1), all), "geoip \"ZZ\"");
  EXPECT_EQ(greylist::text(all.lists[4].tests.at(0), all), "dnsrbl \"SORBS\"");
}

TEST(GreylistConf, KnowsThatAClauseAskedForWhatWouldBeDecidedBefore) {
  const Read read("racl greylist not spf pass\nracl whitelist tls \"x\"\n");
  EXPECT_EQ(read.configuration.nospf.origin.line, 1U);
  EXPECT_TRUE(read.configuration.nospf.value);
  EXPECT_EQ(read.configuration.noauth.origin.line, 2U);
}

struct ToldCase {
  const char* name;
  const char* text;
  std::vector<std::string> told;  ///< "line:column level: text"
};
void PrintTo(const ToldCase& row, std::ostream* out) { *out << row.text; }
class GreylistMistake : public testing::TestWithParam<ToldCase> {};

TEST_P(GreylistMistake, is_told_with_its_place) {
  const Read read(GetParam().text);
  std::vector<std::string> told;
  for (const auto& one : read.diagnostics.all())
    told.push_back(std::to_string(one.where.line) + ":" + std::to_string(one.column) + " " +
                   std::string(text(one.level)) + ": " + one.text);
  EXPECT_EQ(told, GetParam().told);
}

INSTANTIATE_TEST_SUITE_P(
    , GreylistMistake,
    testing::Values(
        ToldCase{"an_unknown_word",
                 "greylst 1h\n",
                 {"1:1 error: there is no \"greylst\"; is \"greylist\" meant?"}},
        ToldCase{"no_word", "\n  ;\n", {"2:3 error: a setting or a rule is expected here, not \";\""}},
        ToldCase{"an_action_that_is_none",
                 "racl allow default\n",
                 {"1:6 error: greylist, whitelist, blacklist or continue is expected here, not \"allow\""}},
        ToldCase{"what_the_old_rules_lack",
                 "acl continue default\n",
                 {"1:5 error: greylist, whitelist or blacklist is expected here, not \"continue\""}},
        ToldCase{"a_rule_without_a_clause",
                 "racl whitelist\nracl whitelist delay 1h\n",
                 {"1:15 error: a clause, or \"default\" for a rule that holds always is expected here, and "
                  "the line "
                  "ends",
                  "2:24 error: a clause, or \"default\" for a rule that holds always is expected here, and "
                  "the line "
                  "ends"}},
        ToldCase{"a_clause_that_is_none",
                 "racl whitelist from a@b.c adr 192.0.2.1\n",
                 {"1:27 error: a clause, or a value such as delay 1h is expected here, not \"adr\""}},
        ToldCase{"a_clause_after_default",
                 "racl greylist default addr 192.0.2.1\n",
                 {"1:23 error: a value such as delay 1h is expected here, not \"addr\""}},
        ToldCase{"not_before_nothing",
                 "racl greylist not\n",
                 {"1:18 error: a clause after \"not\" is expected here, and the line ends"}},
        ToldCase{"a_list_within_a_rule",
                 "racl whitelist from { a@b.example }\n",
                 {"1:21 error: an address such as joe@example.org, or an expression between slashes is "
                  "expected here, "
                  "not \"{\""}},
        ToldCase{"each_mistake_of_several",
                 "greylist soon\nracl whitelist addr 192.0.2.256\nverbose\nracl greylist helo localhost\n",
                 {"1:10 error: soon is not a time such as 30s, 5m, 1h, 1d or 2w",
                  "2:21 error: 192.0.2.256 is not an address",
                  "4:20 error: a text in quotes, or an expression between slashes is expected here, not "
                  "\"localhost\""}},
        ToldCase{"the_place_in_a_continued_rule",
                 "racl whitelist \\\n  domain a.example \\\n  from nobody\n",
                 {"3:14 error: an address such as joe@example.org, or an expression between slashes is "
                  "expected here, "
                  "and the line ends"}},
        ToldCase{"nothing_of_a_continued_rule_that_went_wrong",
                 "racl allow \\\n  nothing \\\n  at all\nverboose\n",
                 {"1:6 error: greylist, whitelist, blacklist or continue is expected here, not \"allow\"",
                  "4:1 error: there is no \"verboose\"; is \"verbose\" meant?"}},
        ToldCase{"a_prefix_too_long",
                 "racl whitelist addr 192.0.2.0/33\nsubnetmatch /64\n",
                 {"1:31 error: at most 32 can be", "2:14 error: at most 32 can be"}},
        ToldCase{"a_quote_that_is_not_closed",
                 "racl blacklist default msg \"no\n",
                 {"1:28 error: the quote is not closed on its line"}},
        ToldCase{"an_expression_that_is_not_closed",
                 "racl blacklist from /x\n",
                 {"1:21 error: the slash is not closed on its line"}},
        ToldCase{"an_expression_that_can_not_be",
                 "racl blacklist from /[a/\n",
                 {"1:21 error: the expression can't be used: Unmatched [, [^, [:, [., or [="}},
        ToldCase{"an_empty_expression", "racl blacklist from //\n", {"1:21 error: the expression is empty"}},
        ToldCase{"what_is_not_defined",
                 "racl whitelist list \"mine\"\nracl blacklist dnsrbl \"SBL\"\ndnsrbl \"SBL\" sbl.example "
                 "127.0.0.2\n",
                 {"1:21 error: there is no list \"mine\" above: it is defined before it is used",
                  "2:23 error: there is no dnsrbl \"SBL\" above: it is defined before it is used"}},
        ToldCase{"a_second_definition",
                 "dnsrbl \"SBL\" a.example 127.0.0.2\ndnsrbl \"SBL\" b.example 127.0.0.2\n",
                 {"2:24 error: \"SBL\" is defined above already"}},
        ToldCase{"the_wrong_stage",
                 "racl blacklist body \"x\"\ndacl blacklist helo \"x\"\nlist \"l\" header { \"x\" }\nracl "
                 "greylist list "
                 "\"l\"\n",
                 {"1:21 error: this is not known yet at RCPT: the clause belongs into a dacl line",
                  "2:21 error: this is asked at RCPT alone: the clause belongs into a racl line",
                  "4:20 error: this is not known yet at RCPT: the clause belongs into a dacl line"}},
        ToldCase{
            "two_that_can_not_both_hold",
            "racl whitelist domain a.example domain b.example\n",
            {"1:40 error: the rule has such a clause before: both can't hold; a list names alternatives"}},
        ToldCase{"a_value_twice",
                 "racl greylist default delay 1h delay 2h\n",
                 {"1:38 error: the rule says that twice"}},
        ToldCase{"a_code_that_is_none",
                 "racl blacklist default code \"250\"\n",
                 {"1:29 error: a reply's code is three digits that begin with 4 or 5"}},
        ToldCase{
            "an_enhanced_code_that_is_none",
            "racl blacklist default ecode \"5.7\"\n",
            {"1:30 error: an enhanced code is three numbers, of which the first is 4 or 5, such as 4.7.1"}},
        ToldCase{"codes_of_two_classes",
                 "racl greylist default code \"451\" ecode \"5.7.1\"\nracl blacklist default code \"451\"\n",
                 {"1:40 warning: code and ecode are of different classes: the ecode will begin with the "
                  "code's digit",
                  "2:29 warning: this rule is never looked at: one above it is the default"}},
        ToldCase{"a_header_that_is_none",
                 "dacl whitelist default addheader \"X-A\"\n",
                 {"1:34 error: a header is \"Name: value\""}},
        ToldCase{"a_rule_below_the_default",
                 "racl greylist default\nracl whitelist addr 192.0.2.1\ndacl whitelist default\n",
                 {"2:21 warning: this rule is never looked at: one above it is the default"}},
        ToldCase{
            "a_country_that_is_none",
            "racl blacklist geoip \"china\"\n",
            {"1:22 error: a country's code is two capital letters, such as \"CN\" (ISO 3166-1); \"ZZ\" is no "
             "known one"}},
        ToldCase{"times_that_are_none",
                 "racl greylist time \"* 25 * * *\"\n",
                 {"1:20 error: these times can't be read: in the hour: it is from 0 to 23"}},
        ToldCase{
            "what_is_retired",
            "drac db \"/x\"\np0fsock \"/y\"\nracl greylist p0f \"Windows\" addr 192.0.2.1\nlist \"os\" p0f { "
            "\"A\" "
            "}\nracl greylist list \"os\"\ndacl blacklist spamd > 5\n",
            {"1:9 warning: drac is retired: nobody is whitelisted for having read mail; use the clause auth",
             "2:9 warning: p0f is retired: rules with the clause p0f are left out",
             "3:19 warning: p0f is retired: this rule is left out",
             "4:21 warning: p0f is retired: rules that name this list are left out",
             "5:20 warning: the list is of what is retired: this rule is left out",
             "6:24 warning: spamd is retired: this rule is left out"}},
        ToldCase{"a_time_beyond_all",
                 "greylist 99999999999w\n",
                 {"1:10 error: 99999999999w is not a time such as 30s, 5m, 1h, 1d or 2w"}},
        ToldCase{"more_than_a_statement",
                 "quiet loud\n",
                 {"1:7 error: the end of the line is expected here, not \"loud\""}},
        ToldCase{
            "octets_that_are_no_text",
            "racl \x01\xff\n",
            {"1:6 error: greylist, whitelist, blacklist or continue is expected here, not \"\\x01\\xff\""}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(GreylistConf, KeepsNoRuleOfWhichAClauseIsRetired) {
  const Read read("racl whitelist p0f \"x\" addr 192.0.2.1\nracl greylist default\n");
  EXPECT_THAT(read.rules(), ElementsAre("racl greylist default"))
      << "without the clause it would hold for more";
}

TEST(GreylistConf, KeepsNoPartOfAStatementThatWentWrong) {
  const Read read("greylist 5m now\nsocket \"/run/s\" 777\npeer 192.0.2.1 timeout\n");
  EXPECT_FALSE(read.configuration.greylist.given());
  EXPECT_FALSE(read.configuration.socket.given());
  EXPECT_THAT(read.configuration.peers, IsEmpty());
}

TEST(GreylistConf, ShowsTheLineAndACaret) {
  EXPECT_EQ(
      Read("racl  allow default\n").told(),
      "greylist.conf:1:7: error: greylist, whitelist, blacklist or continue is expected here, not \"allow\"\n"
      "  racl  allow default\n"
      "        ^\n");
}

}  // namespace
}  // namespace hikyaku::config
