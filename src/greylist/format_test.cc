#include "greylist/format.h"

#include <gtest/gtest.h>

#include <map>

namespace hikyaku::greylist {
namespace {

using namespace std::chrono_literals;

Facts facts() {
  Facts all;
  all.client = table::Ip::parse("192.0.2.77");
  all.client_name = "mx.a.example";
  all.helo = "helo.example";
  all.raw_sender = "<x=joe@a.example>";
  all.sender = "<joe@a.example>";
  all.recipient = "<kim@b.example>";
  all.country = "JP";
  all.macro = [](std::string_view name) -> std::optional<std::string_view> {
    if (name == "j") return "hub.example";
    if (name == "{auth_authen}") return "joe";
    if (name == "{if_addr}") return "192.0.2.25";
    return std::nullopt;
  };
  all.local_time.tm_year = 126;
  all.local_time.tm_mon = 10;
  all.local_time.tm_mday = 29;
  all.local_time.tm_hour = 9;
  all.local_time.tm_min = 5;
  all.local_time.tm_sec = 7;
  all.local_time.tm_wday = 0;
  all.local_time.tm_gmtoff = 9 * 3600;
  all.local_time.tm_zone = "JST";
  return all;
}

struct FormatCase {
  const char* name;
  const char* format;
  const char* expanded;
};
void PrintTo(const FormatCase& row, std::ostream* out) { *out << row.format; }
class FormatSequence : public testing::TestWithParam<FormatCase> {};

TEST_P(FormatSequence, is_expanded) {
  static const Rule matched = [] {
    Rule rule;
    rule.last_line = 12;
    return rule;
  }();
  static const Rule current = [] {
    Rule rule;
    rule.last_line = 14;
    rule.id = "mine";
    return rule;
  }();
  Properties properties;
  properties.push({"Colour", "red", "", false});
  FormatContext context;
  context.properties = &properties;
  context.matched = &matched;
  context.current = &current;
  context.groups = {"one", "", "three"};
  context.property = Properties::Property{"colour", "red", "<kim@b.example>", false};
  context.code = "451";
  context.ecode = "4.7.1";
  context.message = "later";
  context.report = "reported";
  context.status = FormatContext::Status::tempfail;
  context.elapsed = 2h + 3min + 4s;
  context.remaining = 25h + 6s;
  context.tarpit = 10s;
  context.spf_result = "pass";
  context.received_spf = "pass (x)";
  context.dnsrbls = {"SBL", "XBL"};
  context.product = "milter-greylist-4.6.4";
  context.version = "4.6.4";
  EXPECT_EQ(expand(GetParam().format, facts(), context), GetParam().expanded);
}

INSTANTIATE_TEST_SUITE_P(
    , FormatSequence,
    testing::Values(
        FormatCase{"nothing_to_put_in", "Go away!", "Go away!"}, FormatCase{"empty", "", ""},
        FormatCase{"the_client", "%i %j %d %md %sd", "192.0.2.77 77.2.0.192 mx.a.example mx a.example"},
        FormatCase{"its_network", "%I{/24}|%I{/33}|%I{24}|%I{/x}", "192.0.2.0||%I{24}|%I{/x}"},
        FormatCase{"the_envelope", "%f>%r", "joe@a.example>kim@b.example"},
        FormatCase{"parts_of_it", "%mf %sf %mr %sr", "joe a.example kim b.example"},
        FormatCase{"helo_and_country", "%h %C", "helo.example JP"},
        FormatCase{"the_reply", "%Xc %Xe %Xm %Xh %S", "451 4.7.1 later reported tempfail"},
        FormatCase{"elapsed", "%E %Eh %Em %Es %Et", "02:03:04 2 3 4 7384"},
        FormatCase{"remaining", "%R %Rh %Rm %Rs %Rt", "25:00:06 25 0 6 90006"},
        FormatCase{"the_tarpit", "%t", "10"}, FormatCase{"rules", "%A %a %cA %ca", "12 12 14 mine"},
        FormatCase{"groups", "%g{\\1}%g{\\3}%g{\\2}%g{\\4}%g{\\0}%g{1}", "onethree%g{1}"},
        FormatCase{"a_time", "%T{%Y/%m/%d %T}.", "2026/11/29 09:05:07."},
        FormatCase{"a_time_of_nothing", "%T{}.", "."}, FormatCase{"a_time_without_end", "%T{%Y", "%T{%Y"},
        FormatCase{"macros", "%Mj %M{auth_authen} %M{none}.", "hub.example joe ."},
        FormatCase{"a_macro_without_end", "%M{x", "%M{x"},
        FormatCase{"properties", "%pn=%pv %pr %P{colour}%P{none}", "colour=red <kim@b.example> red"},
        FormatCase{"lists_of_clients", "%D", "SBL,XBL"},
        FormatCase{"checks", "%Qs|%QS|%Qd|", "pass|pass (x)||"},
        FormatCase{"authentication_results", "%QA", "hub.example;\r\n\tspf=pass smtp.mailfrom=joe@a.example"},
        FormatCase{
            "who_says_so", "%v %V",
            "4.6.4 milter-greylist-4.6.4 (hub.example [192.0.2.25]); Sun, 29 Nov 2026 09:05:07 +0900 (JST)"},
        FormatCase{"the_offset", "%G", "+0900"}, FormatCase{"a_percent_sign", "100%%d%", "100%d%"},
        FormatCase{"no_sequence", "%z %m %Q %X %c %p", "%z %m %Q %X %c %p"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Format, EncodesTheValuesAlone) {
  const auto encode = [](std::string_view value) { return "<" + std::string(value) + ">"; };
  EXPECT_EQ(expand("?f=%f&%%", facts(), {}, encode), "?f=<joe@a.example>&%");
}

TEST(Format, NamesWhatTheMtaDoesNotTell) {
  auto all = facts();
  all.macro = [](std::string_view) { return std::optional<std::string_view>(); };
  FormatContext context;
  context.product = "p";
  context.host_name = "own.example";
  EXPECT_TRUE(expand("%V", all, context).starts_with("p (own.example [0.0.0.0]); "));
  context.local_address = "192.0.2.9";
  EXPECT_TRUE(expand("%V", all, context).starts_with("p (own.example [192.0.2.9]); "));
}

TEST(Format, IsBounded) {
  auto all = facts();
  all.helo = std::string(40000, 'x');
  EXPECT_EQ(expand("%h%h%h", all, {}).size(), kExpandedLimit);
}

struct EscapeCase {
  const char* name;
  const char* text;
  const char* meaning;
};
void PrintTo(const EscapeCase& row, std::ostream* out) { *out << row.text; }
class Escapes : public testing::TestWithParam<EscapeCase> {};

TEST_P(Escapes, mean) { EXPECT_EQ(unescaped(GetParam().text), GetParam().meaning); }

INSTANTIATE_TEST_SUITE_P(, Escapes,
                         testing::Values(EscapeCase{"letters", "a\\nb\\tc\\r", "a\nb\tc\r"},
                                         EscapeCase{"a_backspace", "\\b", "\b"},
                                         EscapeCase{"themselves", "\\\\ \\\" \\'", "\\ \" '"},
                                         EscapeCase{"hexadecimal", "\\x41\\x7e", "A~"},
                                         EscapeCase{"octal", "\\101\\0419", "A!9"},
                                         EscapeCase{"none", "\\q\\x\\xg1", "qxxg1"},
                                         EscapeCase{"no_nul", "\\000.", "000."},
                                         EscapeCase{"a_last_backslash", "a\\", "a\\"}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::greylist
