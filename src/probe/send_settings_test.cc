#include "probe/send_settings.h"

#include <gtest/gtest.h>

#include "probe/send_target.h"

namespace hikyaku::probe {
namespace {

/// Answers prompts in turn, and has one file.
class Sources final : public SendSources {
 public:
  explicit Sources(std::vector<std::string> answers = {}) : answers_(std::move(answers)) {}
  Result<std::string> file(const std::string& path) override {
    if (path == "dir/a.txt") return "in the file\n";
    return fail(Fault::not_found, "there is no " + path);
  }
  Result<std::string> input() override { return "from stdin"; }
  Result<std::string> ask(const std::string& prompt, bool hidden) override {
    asked += prompt + (hidden ? "(hidden) " : "");
    if (answers_.empty()) return fail(Fault::not_found, "nobody answers");
    auto answer = answers_.front();
    answers_.erase(answers_.begin());
    return answer;
  }
  std::string asked;

 private:
  std::vector<std::string> answers_;
};

struct Planned {
  std::expected<SendPlan, SendRefusal> plan = std::unexpected(SendRefusal{});
  std::vector<std::string> warnings;
  std::string asked;
};

Planned plan(std::vector<std::string> words, std::vector<std::string> answers = {},
             std::string host = "c.test") {
  Planned out;
  Sources sources(std::move(answers));
  SendArguments arguments;
  const auto read = arguments.add_words(words, false);
  EXPECT_TRUE(read) << read.error().text;
  SendSurroundings surroundings{"joe", std::move(host), {}};
  if (auto fetched = fetch_contents(arguments, sources, out.warnings); !fetched) {
    out.plan = std::unexpected(SendRefusal{SendExit::arguments, fetched.error().text});
  } else {
    out.plan = plan_of(arguments, surroundings, sources, out.warnings);
  }
  out.asked = sources.asked;
  return out;
}

struct RefusedCase {
  const char* name;
  std::vector<std::string> words;
  SendExit exit;
  const char* text;
};

class SendRefusals : public testing::TestWithParam<RefusedCase> {};
TEST_P(SendRefusals, AreTold) {
  auto words = GetParam().words;
  const auto planned = plan(words);
  ASSERT_FALSE(planned.plan);
  EXPECT_EQ(planned.plan.error().exit, GetParam().exit);
  EXPECT_NE(planned.plan.error().text.find(GetParam().text), std::string::npos) << planned.plan.error().text;
}

constexpr auto kArguments = SendExit::arguments;
INSTANTIATE_TEST_SUITE_P(
    , SendRefusals,
    testing::Values(
        RefusedCase{"two_ways_to_connect",
                    {"-t", "a", "--pipe", "x", "--socket", "y"},
                    kArguments,
                    "three ways to connect"},
        RefusedCase{"a_port_that_is_none", {"-t", "a", "-s", "x:0"}, kArguments, "'0' is no port"},
        RefusedCase{"a_name_of_no_port", {"-t", "a", "-p", "telnet"}, kArguments, "'telnet' is no port"},
        RefusedCase{"an_unknown_protocol",
                    {"-t", "a", "--protocol", "UUCP"},
                    kArguments,
                    "there is no protocol UUCP"},
        RefusedCase{
            "a_point_that_is_too_late", {"-t", "a", "-q", "DATA"}, kArguments, "--quit-after can't be DATA"},
        RefusedCase{"a_greeting_is_not_sent", {"-t", "a", "--das", "BANNER"}, kArguments, "nothing is sent"},
        RefusedCase{"no_xclient_to_stop_at", {"-t", "a", "--das", "XCLIENT"}, kArguments, "no XCLIENT"},
        RefusedCase{"no_tls_to_stop_at", {"-t", "a", "--das", "TLS"}, kArguments, "no TLS"},
        RefusedCase{"no_auth_to_stop_at", {"-t", "a", "--das", "AUTH"}, kArguments, "no AUTH"},
        RefusedCase{"an_unknown_point", {"-t", "a", "--da", "X"}, kArguments, "DATA, DOT"},
        RefusedCase{"nobody_to_send_to", {"-s", "x"}, kArguments, "--to is needed: nobody answers"},
        RefusedCase{"a_list_of_nobody", {"-s", "x", "-t", ",,"}, kArguments, "names no recipient"},
        RefusedCase{"a_recipient_of_two_lines", {"-t", "a\r\nDATA"}, kArguments, "more than one line"},
        RefusedCase{
            "an_xclient_of_two_lines", {"-t", "a", "--xclient", "a\nb"}, kArguments, "more than one line"},
        RefusedCase{"no_family_is_left", {"-t", "a", "-4", "-6"}, kArguments, "leave no address"},
        RefusedCase{"two_passwords",
                    {"-t", "a", "-au", "u", "-ap", "p", "--password-file", "f"},
                    kArguments,
                    "three passwords: give one"},
        RefusedCase{"a_key_alone", {"-t", "a", "--tls-key", "k"}, kArguments, "--tls-key needs --tls-cert"},
        RefusedCase{"no_password", {"-t", "a", "-au", "u"}, kArguments, "--auth-password is needed"},
        RefusedCase{"no_mechanism",
                    {"-t", "a", "-au", "u", "-ap", "p", "-a", "FOO,BAR"},
                    SendExit::prerequisite,
                    "no mechanism"},
        RefusedCase{"a_map_that_is_none",
                    {"-t", "a", "-au", "u", "-ap", "p", "-am", "X"},
                    kArguments,
                    "ALIAS=MECHANISM"},
        RefusedCase{"a_proxy_without_its_parts",
                    {"-t", "a", "--proxy-family", "TCP4"},
                    SendExit::proxy_arguments,
                    "--proxy-source is needed"},
        RefusedCase{"a_proxy_of_both_kinds",
                    {"-t", "a", "--proxy", "x", "--proxy-dest", "y"},
                    SendExit::proxy_arguments,
                    "whole header"},
        RefusedCase{"a_file_that_is_not_there",
                    {"-t", "a", "--body", "@none"},
                    kArguments,
                    "--body: there is no none"},
        RefusedCase{
            "data_that_is_no_message", {"-t", "a", "--data", "none"}, kArguments, "a message has a line end"},
        RefusedCase{"starttls_beside_tls",
                    {"-t", "a", "-tlsc", "--starttls", "required"},
                    kArguments,
                    "TLS is there at once"},
        RefusedCase{
            "starttls_of_no_kind", {"-t", "a", "--starttls", "yes"}, kArguments, "auto, never or required"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SendPlan, HasTheProtocolsUsualSettings) {
  struct Row {
    const char* name;
    SendRequest::Protocol protocol;
    bool auth, tls, at_once;
    std::uint16_t port;
  };
  using enum SendRequest::Protocol;
  for (const auto& row :
       {Row{"SMTP", smtp, false, false, false, 25}, Row{"ssmtp", esmtp, false, false, true, 465},
        Row{"SSMTPA", esmtp, true, false, true, 465}, Row{"SMTPS", smtp, false, false, true, 465},
        Row{"ESMTP", esmtp, false, false, false, 25}, Row{"ESMTPA", esmtp, true, false, false, 25},
        Row{"ESMTPS", esmtp, false, true, false, 25}, Row{"ESMTPSA", esmtp, true, true, false, 25},
        Row{"LMTP", lmtp, false, false, false, 24}, Row{"LMTPA", lmtp, true, false, false, 24},
        Row{"LMTPS", lmtp, false, true, false, 24}, Row{"LMTPSA", lmtp, true, true, false, 24}}) {
    const auto planned = plan({"-t", "a@b", "--protocol", row.name}, {"u", "p"});
    ASSERT_TRUE(planned.plan) << row.name;
    const auto& request = planned.plan->request;
    EXPECT_EQ(request.protocol, row.protocol) << row.name;
    EXPECT_EQ(request.auth, row.auth ? Want::required : Want::no) << row.name;
    EXPECT_EQ(request.tls, row.tls ? Want::required : Want::no) << row.name;
    EXPECT_EQ(request.tls_on_connect, row.at_once) << row.name;
    EXPECT_EQ(request.target.port, row.port) << row.name;
    EXPECT_EQ(planned.asked, row.auth ? "Username: Password: (hidden) " : "") << row.name;
  }
}

TEST(SendPlan, FindsWhereToSend) {
  EXPECT_EQ(plan({"-t", "x@a.test,y@b.test"}).plan->request.target.domain, "b.test");
  EXPECT_EQ(plan({"-t", "x@a.test", "--copy-routing", "c.test"}).plan->request.target.domain, "c.test");
  EXPECT_EQ(plan({"-t", "x@a.test", "-s", "h"}).plan->request.target.domain, "");
  EXPECT_EQ(plan({"-t", "x"}).plan->request.target.host, "localhost");
  for (const auto& [to, host] :
       {std::pair("joe@[192.0.2.1]", "192.0.2.1"), std::pair("joe@[IPv6:2001:db8::1]", "2001:db8::1")}) {
    EXPECT_EQ(plan({"-t", to}).plan->request.target.host, host);
    EXPECT_EQ(plan({"-t", to}).plan->request.target.domain, "");
  }
  const auto target =
      plan({"-t", "x", "-s", "[::1]:2525", "-p", "26", "-6", "-li", "127.0.0.1:7", "-lp", "9"})
          .plan->request.target;
  EXPECT_EQ(target.host, "::1");
  EXPECT_EQ(target.port, 2525);
  EXPECT_EQ(target.family, SendTarget::Family::ipv6);
  EXPECT_EQ(target.local_address, "127.0.0.1");
  EXPECT_EQ(target.local_port, 9);
}

TEST(SendPlan, AsksForWhatIsNeededAndNoMore) {
  auto planned = plan({"-q", "RCPT", "--from", "--helo"}, {"f@a", "h", "t@b"});
  ASSERT_TRUE(planned.plan);
  EXPECT_EQ(planned.asked, "From: Helo: To: ");
  EXPECT_EQ(planned.plan->request.from, "f@a");
  EXPECT_EQ(planned.plan->request.to, std::vector<std::string>{"t@b"});
  EXPECT_TRUE(plan({"-q", "MAIL"}).plan);
  EXPECT_EQ(plan({"-q", "MAIL"}).plan->request.from, "joe@c.test");
  EXPECT_EQ(plan({"-q", "MAIL", "-f", "<>"}).plan->request.from, "");
  EXPECT_FALSE(plan({"-q", "MAIL"}, {}, "").plan);
  EXPECT_TRUE(plan({"-q", "CONNECT"}, {}, "").plan);
}

TEST(SendPlan, OptionalIsWeakerThanStrictAndThatThanRequired) {
  const auto wants = [](std::vector<std::string> words) {
    words.insert(words.end(), {"-t", "a", "-au", "u", "-ap", "p"});
    return plan(words).plan->request.auth;
  };
  EXPECT_EQ(wants({}), Want::required);
  EXPECT_EQ(wants({"-aos", "-a"}), Want::optional_strict);
  EXPECT_EQ(wants({"-a", "-ao", "-aos"}), Want::optional);
  EXPECT_EQ(wants({"-ao", "FOO"}), Want::no);
}

TEST(SendPlan, PutsXclientCommandsTogether) {
  const auto request =
      plan({"-t", "a", "--xclient-addr", "1", "--xclient-reverse-name", "a b", "--xclient", "RAW x",
            "--xclient-helo", "h", "--xclient-delim", "--xclient-delim", "--xclient-login", "l"})
          .plan->request;
  std::string told;
  for (const auto& command : request.xclient_commands) {
    told += command.text + " (";
    for (const auto& attribute : command.attributes) told += attribute + ' ';
    told += ")\n";
  }
  EXPECT_EQ(told,
            "ADDR=1 REVERSE_NAME=a+20b (ADDR REVERSE_NAME )\nRAW x ()\nHELO=h (HELO )\nLOGIN=l (LOGIN )\n");
  EXPECT_EQ(request.xclient, Want::required);
}

TEST(SendPlan, ReadsContents) {
  const auto planned =
      plan({"-t", "a", "--attach-type", "a/b", "--attach", "@dir/a.txt", "--attach-name", "n", "--attach",
            "@@x", "--attach-name", "--attach", "dir/a.txt", "--attach-body", "-", "--attach", "y"});
  ASSERT_TRUE(planned.plan);
  std::string told;
  for (const auto& part : planned.plan->draft.attachments)
    told += part.type + ' ' + part.name + ' ' + part.content + '|';
  EXPECT_EQ(told, "a/b a.txt in the file\n|a/b n @x|a/b  in the file\n|  y|");
  EXPECT_EQ(planned.plan->draft.bodies.at(0).content, "from stdin");
  ASSERT_EQ(planned.warnings.size(), 1U);
  EXPECT_NE(planned.warnings[0].find("was taken for a file"), std::string::npos);
  EXPECT_EQ(plan({"-t", "a", "-g"}).plan->draft.data, "from stdin");
}

TEST(SendPlan, WarnsOfWhatHasNoEffect) {
  EXPECT_EQ(plan({"-t", "a", "--data", "x\\n", "--body", "b"}).warnings.size(), 1U);
  EXPECT_EQ(plan({"-t", "a", "--data", "x\\n%BODY%", "--body", "b"}).warnings.size(), 0U);
  EXPECT_EQ(plan({"-t", "a", "--data", "x\\n", "-ndf", "--header", "b"}).warnings.size(), 1U);
  EXPECT_EQ(plan({"-t", "a", "--protocol", "SMTP", "-tls"}).warnings.size(), 1U);
}

struct HostCase {
  const char* text;
  const char* host;  ///< nullptr: refused
  unsigned port;
};
TEST(SendTargetText, IsRead) {
  for (const auto& row :
       {HostCase{"h", "h", 0}, HostCase{"h:25", "h", 25}, HostCase{"h/smtp", "h", 25},
        HostCase{"1.2.3.4:submission", "1.2.3.4", 587}, HostCase{"[h]", "h", 0},
        HostCase{"[2001:db8::1]:465", "2001:db8::1", 465}, HostCase{"2001:db8::1/24", "2001:db8::1", 24},
        HostCase{"2001:db8::1", "2001:db8::1", 0}, HostCase{"[h", nullptr, 0}, HostCase{"[h]x", nullptr, 0},
        HostCase{"h:", nullptr, 0}, HostCase{"h:65536", nullptr, 0}, HostCase{"h:-1", nullptr, 0},
        HostCase{"h:2x", nullptr, 0}}) {
    const auto parsed = HostAndPort::parse(row.text);
    ASSERT_EQ(parsed.has_value(), row.host != nullptr) << row.text;
    if (!parsed) continue;
    EXPECT_EQ(parsed->host, row.host) << row.text;
    EXPECT_EQ(parsed->port, row.port) << row.text;
  }
}

TEST(SendTargetText, TimesAreRead) {
  EXPECT_EQ(parse_timeout("30").value().count(), 30);
  EXPECT_EQ(parse_timeout("0").value().count(), 0);
  EXPECT_EQ(parse_timeout("5s").value().count(), 5);
  EXPECT_EQ(parse_timeout("3m").value().count(), 180);
  EXPECT_EQ(parse_timeout("1h").value().count(), 3600);
  for (const auto* text : {"", "s", "5q", "-1", "5 s", "169h", "99999999999999999999"})
    EXPECT_FALSE(parse_timeout(text)) << text;
}

TEST(SendTargetText, TlsVersionsAreRead) {
  struct Row {
    const char* text;
    int lowest, highest;  ///< 0: refused
  };
  for (const auto& row :
       {Row{"tlsv1_2", 0x0303, 0x0303}, Row{"tlsv1_2,TLSv1_3", 0x0303, 0x0304},
        Row{"no_tlsv1,no_tlsv1_1", 0x0303, 0x0304}, Row{"no_sslv2,no_sslv3", 0x0301, 0x0304},
        Row{"no_tlsv1_3", 0x0301, 0x0303}, Row{"tlsv1,tlsv1_3", 0, 0}, Row{"sslv3", 0, 0},
        Row{"tlsv1_2,no_tlsv1", 0, 0}, Row{"tlsv2", 0, 0}, Row{"", 0, 0},
        Row{"no_tlsv1,no_tlsv1_1,no_tlsv1_2,no_tlsv1_3", 0, 0}}) {
    TlsWish wish;
    ASSERT_EQ(set_tls_versions(row.text, wish).has_value(), row.lowest != 0) << row.text;
    if (row.lowest == 0) continue;
    EXPECT_EQ(wish.minimum_version, row.lowest) << row.text;
    EXPECT_EQ(wish.maximum_version, row.highest) << row.text;
  }
}

}  // namespace
}  // namespace hikyaku::probe
