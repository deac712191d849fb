#include "io/dovecot_auth.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/base64.h"
#include "io/loopback.h"
#include "io/system_random.h"
#include "io/test_certificates.h"

namespace hikyaku::io {
namespace {

namespace asio = boost::asio;
using hikyaku::testing_support::Loopback;
using hikyaku::testing_support::TemporaryFolder;
using testing::HasSubstr;

struct LineCase {
  const char* name;
  std::string line;
  const char* read;  // "!..." is part of the error
};

std::string shown(const Result<DovecotReply>& reply) {
  if (!reply) return "!" + reply.error().text;
  if (const auto* version = std::get_if<DovecotLine::Version>(&*reply))
    return "version " + std::to_string(version->major) + "." + std::to_string(version->minor);
  if (const auto* mechanism = std::get_if<DovecotLine::Mechanism>(&*reply))
    return "mechanism " + mechanism->offered.name + (mechanism->offered.plaintext ? " plaintext" : "");
  if (std::holds_alternative<DovecotLine::Done>(*reply)) return "done";
  if (const auto* next = std::get_if<DovecotLine::Continue>(&*reply))
    return "continue " + std::to_string(next->id) + " <" + next->octets + ">";
  if (const auto* ok = std::get_if<DovecotLine::Ok>(&*reply))
    return "ok " + std::to_string(ok->id) + " " + ok->user;
  if (const auto* no = std::get_if<DovecotLine::Fail>(&*reply))
    return "fail " + std::to_string(no->id) + " " + no->user + "/" + no->reason +
           (no->temporary ? " temporary" : "");
  return "other";
}

class ParseDovecotLine : public testing::TestWithParam<LineCase> {};
TEST_P(ParseDovecotLine, ReadsIt) {
  const auto got = shown(parse_dovecot_line(GetParam().line));
  const std::string_view wanted = GetParam().read;
  if (wanted.starts_with('!')) {
    EXPECT_THAT(got, testing::StartsWith("!"));
    EXPECT_THAT(got, HasSubstr(std::string(wanted.substr(1))));
  } else {
    EXPECT_EQ(got, wanted);
  }
}
INSTANTIATE_TEST_SUITE_P(
    , ParseDovecotLine,
    testing::Values(
        LineCase{"version", "VERSION\t1\t2", "version 1.2"},
        LineCase{"version_without_number", "VERSION\tone\t2", "!a version that is no number"},
        LineCase{"mechanism", "MECH\tPLAIN\tplaintext", "mechanism PLAIN plaintext"},
        LineCase{"mechanism_without_name", "MECH\t\tplaintext", "!a mechanism without a proper name"},
        LineCase{"mechanism_that_would_break_ehlo", "MECH\tPLAIN X", "!a mechanism without a proper name"},
        LineCase{"done", "DONE", "done"}, LineCase{"cookie_concerns_us_not", "COOKIE\tabc", "other"},
        LineCase{"word_of_another_version", "FUTURE\t1", "other"}, LineCase{"empty", "", "other"},
        LineCase{"challenge", "CONT\t7\tVXNlcm5hbWU6", "continue 7 <Username:>"},
        LineCase{"empty_challenge", "CONT\t7\t", "continue 7 <>"},
        LineCase{"challenge_no_base64", "CONT\t7\t!", "!no base64"},
        LineCase{"ok", "OK\t7\tuser=joe@example.com\tproxy", "ok 7 joe@example.com"},
        LineCase{"ok_without_user", "OK\t7\tproxy", "!without the user"},
        LineCase{"ok_without_number", "OK\tuser=joe", "!without a number"},
        LineCase{"fail", "FAIL\t7\tuser=joe", "fail 7 joe/"},
        LineCase{"fail_with_escapes", "FAIL\t7\treason=a\x01tb", "fail 7 /a\tb"},
        LineCase{"temporary_failure", "FAIL\t7\ttemp", "fail 7 / temporary"},
        LineCase{"temporary_by_code", "FAIL\t7\tcode=temp_fail", "fail 7 / temporary"},
        LineCase{"number_too_large", "FAIL\t4294967296", "!without a number"},
        LineCase{"too_long", std::string(kMostDovecotLine + 1, 'x'), "!too long"}),
    [](const auto& row) { return std::string(row.param.name); });

constexpr const char* kGreeting =
    "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0123\nDONE\n";

/// A Dovecot that plays a script: after its greeting one reply for each line that comes.
class FakeDovecot {
 public:
  FakeDovecot(Loopback& loop, const std::string& path)
      : loop_(loop), acceptor_(loop.context(), asio::local::stream_protocol::endpoint(path)) {}

  /// "" closes the connection instead of a reply.
  asio::awaitable<void> serve_one(std::string greeting, std::vector<std::string> replies) {
    auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
    Stream stream(std::move(socket), loop_.sweep());
    stream.set_deadline(std::chrono::seconds{30}, "the client");
    (void)co_await stream.write_all(greeting);
    std::string input;
    std::size_t lines = 0;
    for (;;) {
      std::array<char, 1000> room;
      const auto got = co_await stream.read_some(room);
      if (!got || *got == 0) break;
      input.append(room.data(), *got);
      for (auto end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
        said_.push_back(input.substr(0, end));
        input.erase(0, end + 1);
        if (said_.back().starts_with("VERSION") || said_.back().starts_with("CPID")) continue;
        if (lines == replies.size() || replies[lines].empty()) {
          co_await stream.close();
          co_return;
        }
        (void)co_await stream.write_all(replies[lines++]);
      }
    }
  }
  const std::vector<std::string>& said() const { return said_; }

 private:
  Loopback& loop_;
  asio::local::stream_protocol::acceptor acceptor_;
  std::vector<std::string> said_;
};

std::string shown(const Result<DovecotAuth::Step>& step) {
  if (!step) return "error: " + step.error().text;
  if (const auto* challenge = std::get_if<DovecotAuth::Challenge>(&*step))
    return "challenge <" + challenge->octets + ">";
  if (const auto* accepted = std::get_if<DovecotAuth::Accepted>(&*step)) return "accepted " + accepted->user;
  const auto& rejected = std::get<DovecotAuth::Rejected>(*step);
  return "rejected " + rejected.user + " (" + rejected.reason + ")" +
         (rejected.temporary ? " temporary" : "");
}

/// Logs in, with these answers to challenges; tells each step.
asio::awaitable<void> log_in(DovecotAuth& dovecot, std::string mechanism, std::optional<std::string> initial,
                             std::vector<std::string> answers, std::vector<std::string>& steps) {
  DovecotAuth::ClientFacts facts;
  facts.remote_address = "192.0.2.7";
  facts.remote_port = 4711;
  facts.secured = true;
  auto begun = co_await dovecot.begin(std::move(mechanism), std::move(facts), std::move(initial));
  if (!begun) {
    steps.push_back("error: " + begun.error().text);
    co_return;
  }
  steps.push_back(shown(Result<DovecotAuth::Step>(begun->step)));
  for (auto& answer : answers) {
    if (!begun->exchange) co_return;
    auto step = co_await begun->exchange->answer(std::move(answer));
    steps.push_back(shown(step));
  }
}

class DovecotTest : public testing::Test {
 protected:
  DovecotTest() : fake_(loop_, folder_.file("auth")) {
    dovecot_ = DovecotAuth::make({.path = "unix:" + folder_.file("auth")}, loop_.sweep(), random_).value();
  }
  TemporaryFolder folder_;
  Loopback loop_;
  SystemRandom random_;
  FakeDovecot fake_;
  std::unique_ptr<DovecotAuth> dovecot_;
};

/// Runs several logins one after the other, then lets go of the connections.
asio::awaitable<void> log_in_often(std::unique_ptr<DovecotAuth>& dovecot, int times, std::string mechanism,
                                   std::optional<std::string> initial, std::vector<std::string> answers,
                                   std::vector<std::string>& steps) {
  for (int i = 0; i < times; ++i) co_await log_in(*dovecot, mechanism, initial, answers, steps);
  dovecot.reset();
}

const std::string kPlain("\0joe\0secret", 11);

TEST_F(DovecotTest, PlainIsOneQuestionAndOneAnswer) {
  std::vector<std::string> told;
  loop_.spawn(fake_.serve_one(kGreeting, {"OK\t1\tuser=joe\n"}));
  loop_.spawn(log_in_often(dovecot_, 1, "PLAIN", kPlain, {}, told));
  loop_.run();
  EXPECT_THAT(told, testing::ElementsAre("accepted joe"));
  ASSERT_EQ(fake_.said().size(), 3U);
  EXPECT_EQ(fake_.said()[0], "VERSION\t1\t1");
  EXPECT_THAT(fake_.said()[1], testing::MatchesRegex("CPID\t[1-9][0-9]*"));
  EXPECT_EQ(fake_.said()[2],
            "AUTH\t1\tPLAIN\tservice=smtp\tnologin\tno-penalty\trip=192.0.2.7\trport=4711\tsecured\tresp=" +
                base64_encode(kPlain));
}

TEST_F(DovecotTest, LoginIsAChallengeAtATime) {
  std::vector<std::string> told;
  loop_.spawn(fake_.serve_one(kGreeting,
                              {"CONT\t1\tVXNlcm5hbWU6\n", "CONT\t1\tUGFzc3dvcmQ6\n", "FAIL\t1\tuser=joe\n"}));
  loop_.spawn(log_in_often(dovecot_, 1, "LOGIN", std::nullopt, {"joe", "wrong"}, told));
  loop_.run();
  EXPECT_THAT(told, testing::ElementsAre("challenge <Username:>", "challenge <Password:>",
                                         "rejected joe (authentication failed)"));
  EXPECT_THAT(fake_.said().back(), testing::StartsWith("CONT\t1\t"));
}

TEST_F(DovecotTest, AConnectionIsUsedAgain) {
  std::vector<std::string> told;
  loop_.spawn(fake_.serve_one(kGreeting,
                              {"OK\t1\tuser=a\n", "FAIL\t2\ttemp\treason=no database\n", "OK\t3\tuser=c\n"}));
  loop_.spawn(log_in_often(dovecot_, 3, "PLAIN", kPlain, {}, told));
  loop_.run();
  EXPECT_THAT(told, testing::ElementsAre("accepted a", "rejected  (no database) temporary", "accepted c"));
}

TEST_F(DovecotTest, AKeptConnectionThatIsGoneIsMadeAnew) {
  std::vector<std::string> told;
  loop_.spawn(fake_.serve_one(kGreeting, {"OK\t1\tuser=a\n", ""}));
  loop_.spawn(fake_.serve_one(kGreeting, {"OK\t1\tuser=b\n"}));
  loop_.spawn(log_in_often(dovecot_, 2, "PLAIN", kPlain, {}, told));
  loop_.run();
  EXPECT_THAT(told, testing::ElementsAre("accepted a", "accepted b"));
}

TEST_F(DovecotTest, WhatIsNoDovecotIsToldSo) {
  std::vector<std::string> told;
  loop_.spawn(fake_.serve_one("220 mail ESMTP\nDONE\n", {}));
  loop_.spawn(log_in_often(dovecot_, 1, "PLAIN", kPlain, {}, told));
  loop_.run();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0], HasSubstr("its greeting tells no version"));
}

TEST_F(DovecotTest, AnotherVersionIsNotSpoken) {
  std::vector<std::string> told;
  loop_.spawn(fake_.serve_one("VERSION\t2\t0\nDONE\n", {}));
  loop_.spawn(log_in_often(dovecot_, 1, "PLAIN", kPlain, {}, told));
  loop_.run();
  EXPECT_THAT(told.at(0), HasSubstr("version 2, not 1"));
}

TEST_F(DovecotTest, OneThatClosesIsAnError) {
  std::vector<std::string> told;
  loop_.spawn(fake_.serve_one(kGreeting, {""}));
  loop_.spawn(log_in_often(dovecot_, 1, "PLAIN", kPlain, {}, told));
  loop_.run();
  EXPECT_THAT(told.at(0), HasSubstr("error: Dovecot: it closed the connection"));
}

TEST(DovecotPath, IsReadOrRefused) {
  Loopback loop;
  SystemRandom random;
  const auto made = [&](const std::string& path) {
    return DovecotAuth::make({.path = path}, loop.sweep(), random).has_value();
  };
  EXPECT_TRUE(made("inet:127.0.0.1:12345"));
  EXPECT_TRUE(made("inet:localhost:12345"));
  EXPECT_TRUE(made("inet:[::1]:12345"));
  EXPECT_TRUE(made("unix:/run/dovecot/auth"));
  EXPECT_TRUE(made("private/auth"));
  EXPECT_FALSE(made(""));
  EXPECT_FALSE(made("unix:"));
  EXPECT_FALSE(made("inet:127.0.0.1"));
  EXPECT_FALSE(made("inet:127.0.0.1:0"));
  EXPECT_FALSE(made("inet:127.0.0.1:99999"));
  EXPECT_FALSE(made("inet::12345"));
}

/// A Dovecot of our own, with one user.
class RealDovecot {
 public:
  explicit RealDovecot(const TemporaryFolder& folder) : socket_(folder.file("auth.sock")) {
    const auto* self = ::getpwuid(::geteuid());
    const std::string user = self == nullptr ? "root" : self->pw_name;
    const auto users =
        hikyaku::testing_support::write_file(folder.file("passwd"), "joe@example.com:{PLAIN}secret\n");
    const auto text =
        "base_dir = " + folder.file("run") + "\nstate_dir = " + folder.file("state") +
        "\nprotocols =\nlog_path = /dev/stderr\n" + "default_internal_user = " + user +
        "\ndefault_internal_group = " + (user == "root" ? "root" : user) + "\ndefault_login_user = " + user +
        "\nfirst_valid_uid = 0\nauth_mechanisms = plain login cram-md5\ndisable_plaintext_auth = no\nssl = "
        "no\n"
        "passdb {\n  driver = passwd-file\n  args = " +
        users +
        "\n}\nuserdb {\n  driver = static\n  args = uid=0 gid=0 home=/nonexistent\n}\n"
        "service auth {\n  unix_listener " +
        socket_ +
        " {\n    mode = 0600\n  }\n}\nservice anvil {\n  chroot =\n}\nservice stats {\n  chroot =\n}\n";
    const auto config = hikyaku::testing_support::write_file(folder.file("dovecot.conf"), text);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(ends[1], STDERR_FILENO);
      ::execl("/usr/sbin/dovecot", "dovecot", "-F", "-c", config.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    log_ = ends[0];
    // It listens before it says that it starts; should it end instead, so does this.
    std::array<char, 1000> room;
    while (!said_.contains("starting up")) {
      const auto got = ::read(log_, room.data(), room.size());
      if (got <= 0) break;
      said_.append(room.data(), static_cast<std::size_t>(got));
    }
  }
  RealDovecot(const RealDovecot&) = delete;
  RealDovecot& operator=(const RealDovecot&) = delete;
  ~RealDovecot() {
    ::kill(process_, SIGTERM);
    ::waitpid(process_, nullptr, 0);
    ::close(log_);
  }
  bool started() const { return said_.contains("starting up"); }
  const std::string& said() const { return said_; }
  const std::string& socket() const { return socket_; }

 private:
  std::string socket_, said_;
  pid_t process_ = -1;
  int log_ = -1;
};

asio::awaitable<void> log_in_by_all(std::unique_ptr<DovecotAuth>& dovecot, std::vector<std::string>& told,
                                    std::vector<std::string>& offered) {
  const auto mechanisms = co_await dovecot->mechanisms();
  if (mechanisms) {
    for (const auto& mechanism : *mechanisms) offered.push_back(mechanism.name);
  }
  const std::string right("\0joe@example.com\0secret", 23);
  const std::string wrong("\0joe@example.com\0nonsense", 25);
  const std::vector<std::string> none;
  const std::vector<std::string> late(1, right);
  const std::vector<std::string> both = {"joe@example.com", "secret"};
  co_await log_in(*dovecot, "PLAIN", right, none, told);
  co_await log_in(*dovecot, "PLAIN", std::nullopt, late, told);
  co_await log_in(*dovecot, "LOGIN", std::nullopt, both, told);
  co_await log_in(*dovecot, "PLAIN", wrong, none, told);
  co_await log_in(*dovecot, "PLAIN", right, none, told);
  dovecot.reset();
}

TEST(RealDovecotTest, SpeaksAsWeExpect) {
  if (::access("/usr/sbin/dovecot", X_OK) != 0) GTEST_SKIP() << "dovecot-core is not installed";
  if (::geteuid() != 0) GTEST_SKIP() << "a Dovecot of our own needs root";
  const TemporaryFolder folder;
  const RealDovecot real(folder);
  ASSERT_TRUE(real.started()) << real.said();
  Loopback loop;
  SystemRandom random;
  auto dovecot = DovecotAuth::make({.path = "unix:" + real.socket()}, loop.sweep(), random).value();
  std::vector<std::string> told, offered;
  loop.spawn(log_in_by_all(dovecot, told, offered));
  loop.run();
  EXPECT_THAT(offered, testing::UnorderedElementsAre("PLAIN", "LOGIN", "CRAM-MD5"));
  EXPECT_THAT(told, testing::ElementsAre(
                        "accepted joe@example.com", "challenge <>", "accepted joe@example.com",
                        "challenge <Username:>", "challenge <Password:>", "accepted joe@example.com",
                        "rejected joe@example.com (authentication failed)", "accepted joe@example.com"))
      << real.said();
}

}  // namespace
}  // namespace hikyaku::io
