#include "io/resolver.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <condition_variable>
#include <csignal>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "io/children_for_tests.h"

namespace hikyaku::io {
namespace {

using Type = Resolver::Type;
using Status = DnsReply::Status;
constexpr std::uint16_t kAlias = 5;  // CNAME
constexpr unsigned kServerFailure = 2, kNoSuchName = 3;

std::string two(unsigned value) { return {static_cast<char>(value >> 8), static_cast<char>(value & 255)}; }

/// A name in wire form.
std::string wire(std::string_view name) {
  std::string octets;
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    octets += static_cast<char>(label.size());
    octets += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return octets + '\0';
}

std::string address(int family, const char* text) {
  std::array<char, 16> octets{};
  EXPECT_EQ(inet_pton(family, text, octets.data()), 1);
  return {octets.data(), family == AF_INET ? 4U : 16U};
}

std::string text_strings(std::initializer_list<std::string_view> strings) {
  std::string octets;
  for (const auto one : strings) {
    octets += static_cast<char>(one.size());
    octets += one;
  }
  return octets;
}

struct Answer {
  struct Record {
    std::string owner;  // empty: the name that was asked for
    std::uint16_t type;
    std::string octets;
  };
  unsigned code = 0;
  std::vector<Record> records{};
  unsigned lifetime = 60;
  bool silent = false;
  bool cut = false;  // the reply ends in the midst of its records
};

/// A DNS server on loopback that answers what it was told to, and says that all else does not exist.
class Responder {
 public:
  Responder() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), end_(::eventfd(0, EFD_CLOEXEC)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
    socklen_t size = sizeof here;
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&here), &size), 0);
    port_ = ntohs(here.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Responder() {
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(end_, &one, sizeof one), static_cast<ssize_t>(sizeof one));
    thread_.join();
    ::close(socket_);
    ::close(end_);
  }
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  void set(const std::string& name, std::uint16_t type, Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_[{name, type}] = std::move(answer);
  }
  void set(const std::string& name, Type type, std::vector<std::string> records, unsigned lifetime = 60) {
    Answer answer{.lifetime = lifetime};
    for (auto& one : records)
      answer.records.push_back({"", static_cast<std::uint16_t>(type), std::move(one)});
    set(name, static_cast<std::uint16_t>(type), std::move(answer));
  }
  std::size_t asked(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return asked_[name];
  }
  std::size_t asked_in_all() {
    const std::lock_guard lock(mutex_);
    std::size_t all = 0;
    for (const auto& [name, count] : asked_) all += count;
    return all;
  }
  void wait_for(const std::string& name) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return asked_[name] > 0; });
  }
  std::string forward() const { return "127.0.0.1@" + std::to_string(port_); }

 private:
  void serve() {
    for (;;) {
      std::array<pollfd, 2> ready{{{socket_, POLLIN, 0}, {end_, POLLIN, 0}}};
      ::poll(ready.data(), ready.size(), -1);
      if (ready[1].revents != 0) return;
      std::array<char, 2048> octets{};
      sockaddr_in peer{};
      socklen_t size = sizeof peer;
      const auto got =
          ::recvfrom(socket_, octets.data(), octets.size(), 0, reinterpret_cast<sockaddr*>(&peer), &size);
      if (got < 17) continue;
      const auto reply = answer_to({octets.data(), static_cast<std::size_t>(got)});
      if (!reply.empty())
        ::sendto(socket_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
    }
  }

  std::string answer_to(std::string_view query) {
    std::string name;
    std::size_t at = 12;
    while (query[at] != 0) {
      const auto length = static_cast<std::size_t>(query[at]);
      if (!name.empty()) name += '.';
      for (const char c : query.substr(at + 1, length)) name += static_cast<char>(std::tolower(c));
      at += length + 1;
    }
    const auto type =
        static_cast<std::uint16_t>((query[at + 1] << 8) | static_cast<unsigned char>(query[at + 2]));
    const auto question = query.substr(12, at + 5 - 12);
    const std::lock_guard lock(mutex_);
    ++asked_[name];
    changed_.notify_all();
    Answer answer{.code = kNoSuchName};
    if (const auto found = answers_.find({name, type}); found != answers_.end()) answer = found->second;
    if (answer.silent) return {};
    std::string reply(query.substr(0, 2));
    reply += two(0x8180 | answer.code) + two(1) + two(static_cast<unsigned>(answer.records.size())) + two(0) +
             two(0);
    reply += question;
    for (const auto& record : answer.records) {
      reply += record.owner.empty() ? two(0xc00c) : wire(record.owner);
      reply += two(record.type) + two(1) + two(0) + two(answer.lifetime);
      reply += two(static_cast<unsigned>(record.octets.size())) + record.octets;
    }
    if (answer.cut) reply.resize(reply.size() - 3);
    return reply;
  }

  int socket_, end_;
  unsigned port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<std::string, std::uint16_t>, Answer> answers_;
  std::map<std::string, std::size_t> asked_;
  std::thread thread_;
};

class ResolverTest : public testing::Test {
 protected:
  Resolver::Settings settings(std::chrono::milliseconds timeout = std::chrono::seconds{20}) const {
    Resolver::Settings made;
    made.forward = responder.forward();
    made.threads = 1;
    made.timeout = timeout;
    return made;
  }
  static DnsReply ask(Resolver& resolver, std::string name, Type type) {
    boost::asio::io_context context;
    auto reply =
        boost::asio::co_spawn(context, resolver.query(std::move(name), type), boost::asio::use_future);
    context.run();
    return reply.get();
  }
  DnsReply ask(std::string name, Type type) {
    Resolver resolver(settings());
    return ask(resolver, std::move(name), type);
  }
  static std::vector<std::string> texts(const DnsReply& reply) {
    std::vector<std::string> all;
    for (const auto& record : reply.records) {
      all.push_back((record.preference == 0 ? "" : std::to_string(record.preference) + " ") + record.text);
    }
    std::ranges::sort(all);
    return all;
  }

  Responder responder;
};

using Texts = std::vector<std::string>;

TEST_F(ResolverTest, finds_addresses) {
  responder.set("host.example", Type::a, {address(AF_INET, "192.0.2.1"), address(AF_INET, "192.0.2.2")});
  responder.set("host.example", Type::aaaa, {address(AF_INET6, "2001:db8::25")});
  EXPECT_EQ(texts(ask("host.example", Type::a)), (Texts{"192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(texts(ask("HOST.example", Type::aaaa)), (Texts{"2001:db8::25"}));
}

TEST_F(ResolverTest, finds_mail_exchangers_with_their_preference) {
  responder.set("example.org", Type::mx, {two(10) + wire("a.mx.example"), two(300) + wire("b.mx.example")});
  EXPECT_EQ(texts(ask("example.org", Type::mx)), (Texts{"10 a.mx.example", "300 b.mx.example"}));
}

TEST_F(ResolverTest, gives_the_null_mx_as_the_root) {
  responder.set("nomail.example", Type::mx, {two(0) + wire("")});
  const auto reply = ask("nomail.example", Type::mx);
  EXPECT_EQ(reply.status, Status::found);
  EXPECT_EQ(texts(reply), (Texts{"."}));
}

TEST_F(ResolverTest, joins_the_strings_of_a_text_record) {
  responder.set("txt.example", Type::txt, {text_strings({"v=spf1 ", "ip4:192.0.2.0/24 ", "-all"})});
  EXPECT_EQ(texts(ask("txt.example", Type::txt)), (Texts{"v=spf1 ip4:192.0.2.0/24 -all"}));
}

TEST_F(ResolverTest, finds_the_name_of_an_address) {
  EXPECT_EQ(Resolver::reverse_name("192.0.2.7"), "7.2.0.192.in-addr.arpa");
  EXPECT_EQ(Resolver::reverse_name("2001:db8::1"),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
  EXPECT_EQ(Resolver::reverse_name("host.example"), "");
  EXPECT_EQ(Resolver::reverse_name("192.0.2.7 "), "");
  EXPECT_EQ(Resolver::reverse_name(std::string_view("192.0.2.7\0x", 11)), "");
  EXPECT_EQ(Resolver::reverse_name(""), "");
  responder.set("7.2.0.192.in-addr.arpa", Type::ptr, {wire("client.example")});
  EXPECT_EQ(texts(ask(Resolver::reverse_name("192.0.2.7"), Type::ptr)), (Texts{"client.example"}));
  const auto six = Resolver::reverse_name("2001:db8::1");
  responder.set(six, Type::ptr, {wire("six.example"), wire("other.example")});
  EXPECT_EQ(texts(ask(six, Type::ptr)), (Texts{"other.example", "six.example"}));
}

TEST_F(ResolverTest, asks_the_server_also_for_private_and_reserved_names) {
  for (const auto* name : {"1.0.168.192.in-addr.arpa", "1.0.0.10.in-addr.arpa", "2.2.0.192.in-addr.arpa"}) {
    responder.set(name, Type::ptr, {wire("inside.example")});
    EXPECT_EQ(texts(ask(name, Type::ptr)), (Texts{"inside.example"})) << name;
  }
  for (const auto* name : {"mx.hub.test", "box.home.arpa", "srv.internal", "srv.local"}) {
    responder.set(name, Type::a, {address(AF_INET, "10.1.2.3")});
    EXPECT_EQ(texts(ask(name, Type::a)), (Texts{"10.1.2.3"})) << name;
  }
}

TEST_F(ResolverTest, finds_name_servers) {
  responder.set("example.org", Type::ns, {wire("ns1.example"), wire("ns2.example")});
  EXPECT_EQ(texts(ask("example.org", Type::ns)), (Texts{"ns1.example", "ns2.example"}));
}

TEST_F(ResolverTest, shows_octets_that_no_host_name_has_as_question_marks) {
  responder.set("1.2.0.192.in-addr.arpa", Type::ptr, {wire(std::string_view("a\r\nb\0c", 6))});
  EXPECT_EQ(texts(ask("1.2.0.192.in-addr.arpa", Type::ptr)), (Texts{"a??b?c"}));
}

TEST_F(ResolverTest, follows_an_alias) {
  Answer alias;
  alias.records = {{"", kAlias, wire("real.example")},
                   {"real.example", static_cast<std::uint16_t>(Type::a), address(AF_INET, "192.0.2.9")}};
  responder.set("alias.example", static_cast<std::uint16_t>(Type::a), alias);
  responder.set("real.example", Type::a, {address(AF_INET, "192.0.2.9")});
  EXPECT_EQ(texts(ask("alias.example", Type::a)), (Texts{"192.0.2.9"}));
}

TEST_F(ResolverTest, follows_an_alias_whose_target_has_no_such_record) {
  Answer alias;
  alias.records = {{"", kAlias, wire("bare.example")}};
  responder.set("alias.example", static_cast<std::uint16_t>(Type::mx), alias);
  responder.set("bare.example", static_cast<std::uint16_t>(Type::mx), Answer{});
  EXPECT_EQ(ask("alias.example", Type::mx).status, Status::none);
}

TEST_F(ResolverTest, an_alias_of_itself_has_no_records) {
  Answer alias;
  alias.records = {{"", kAlias, wire("loop.example")}};
  responder.set("loop.example", static_cast<std::uint16_t>(Type::a), alias);
  const auto reply = ask("loop.example", Type::a);
  EXPECT_NE(reply.status, Status::found);
  EXPECT_TRUE(reply.records.empty());
}

TEST_F(ResolverTest, takes_a_reply_that_can_not_be_read_for_temporary) {
  Answer cut;
  cut.records = {{"", static_cast<std::uint16_t>(Type::a), address(AF_INET, "192.0.2.1")}};
  cut.cut = true;
  responder.set("cut.example", static_cast<std::uint16_t>(Type::a), cut);
  Resolver resolver(settings(std::chrono::milliseconds{300}));
  EXPECT_EQ(ask(resolver, "cut.example", Type::a).status, Status::temporary);
}

TEST_F(ResolverTest, tells_no_such_name_and_no_such_record_alike) {
  responder.set("empty.example", static_cast<std::uint16_t>(Type::mx), Answer{});
  EXPECT_EQ(ask("empty.example", Type::mx).status, Status::none);
  EXPECT_EQ(ask("nowhere.example", Type::a).status, Status::none);
}

TEST_F(ResolverTest, takes_a_failure_of_the_server_for_temporary) {
  responder.set("broken.example", static_cast<std::uint16_t>(Type::mx), Answer{.code = kServerFailure});
  EXPECT_EQ(ask("broken.example", Type::mx).status, Status::temporary);
}

TEST_F(ResolverTest, gives_up_when_no_answer_comes_in_time) {
  responder.set("silent.example", static_cast<std::uint16_t>(Type::a), Answer{.silent = true});
  Resolver resolver(settings(std::chrono::milliseconds{50}));
  EXPECT_EQ(ask(resolver, "silent.example", Type::a).status, Status::temporary);
}

TEST_F(ResolverTest, refuses_names_that_can_not_be_asked_for) {
  for (const auto& name :
       {std::string(), std::string("."), std::string("a..example"), std::string(".example"),
        std::string("example.."), std::string(64, 'x') + ".example", std::string(300, 'y'),
        // What libunbound would take for the end of the name, or for an escape.
        std::string("a.example\0.b.example", 20), std::string("a\\.example"), std::string("a\\000.example"),
        std::string("a b.example"), std::string("a\n.example")}) {
    EXPECT_EQ(ask(name, Type::a).status, Status::malformed) << name;
  }
  EXPECT_EQ(responder.asked_in_all(), 0U);
}

TEST_F(ResolverTest, asks_for_names_as_long_as_they_may_be) {
  const std::string label(63, 'x');
  const auto longest = label + "." + label + "." + label + "." + std::string(61, 'y');
  ASSERT_EQ(longest.size(), 253U);
  responder.set(longest, Type::a, {address(AF_INET, "192.0.2.1")});
  EXPECT_EQ(ask(longest, Type::a).status, Status::found);
  EXPECT_EQ(ask(longest + "z", Type::a).status, Status::malformed);
  responder.set("_dmarc.dotted.example", Type::txt, {text_strings({"v=DMARC1"})});
  EXPECT_EQ(texts(ask("_dmarc.dotted.example.", Type::txt)), (Texts{"v=DMARC1"}));
}

TEST_F(ResolverTest, keeps_an_answer_for_as_long_as_it_may) {
  responder.set("kept.example", Type::a, {address(AF_INET, "192.0.2.1")}, 60);
  responder.set("fresh.example", Type::a, {address(AF_INET, "192.0.2.1")}, 0);
  Resolver resolver(settings());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(resolver, "kept.example", Type::a).status, Status::found);
    EXPECT_EQ(ask(resolver, "fresh.example", Type::a).status, Status::found);
  }
  EXPECT_EQ(responder.asked("kept.example"), 1U);
  EXPECT_EQ(responder.asked("fresh.example"), 3U);
}

TEST_F(ResolverTest, keeps_that_there_is_no_record) {
  responder.set("empty.example", static_cast<std::uint16_t>(Type::mx), Answer{});
  Resolver resolver(settings());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(resolver, "empty.example", Type::mx).status, Status::none);
  EXPECT_EQ(responder.asked("empty.example"), 1U);
}

TEST_F(ResolverTest, what_does_not_answer_holds_nothing_else_up) {
  constexpr std::size_t kSilent = 200;
  responder.set("quick.example", Type::a, {address(AF_INET, "192.0.2.1")});
  boost::asio::io_context context;
  // With libunbound's usual 16 sockets, each given up after 0.4 s, the last of them would wait for 5 s.
  Resolver resolver(settings(std::chrono::seconds{3}));
  std::vector<std::future<DnsReply>> silent;
  for (std::size_t i = 0; i < kSilent; ++i) {
    const auto name = "s" + std::to_string(i) + ".example";
    responder.set(name, static_cast<std::uint16_t>(Type::a), Answer{.silent = true});
    silent.push_back(boost::asio::co_spawn(context, resolver.query(name, Type::a), boost::asio::use_future));
  }
  auto quick =
      boost::asio::co_spawn(context, resolver.query("quick.example", Type::a), boost::asio::use_future);
  std::thread running([&context] { context.run(); });
  EXPECT_EQ(quick.get().status, Status::found);
  resolver.stop();
  running.join();
  for (auto& reply : silent) EXPECT_EQ(reply.get().status, Status::temporary);
}

TEST_F(ResolverTest, works_in_a_thread_and_not_in_a_process_of_its_own) {
  responder.set("host.example", Type::a, {address(AF_INET, "192.0.2.1")});
  const auto before = children();
  Resolver resolver(settings());
  EXPECT_EQ(ask(resolver, "host.example", Type::a).status, Status::found);
  EXPECT_EQ(children(), before);
}

TEST(Children, are_seen_where_there_are_any) {
  const auto before = children();
  const auto child = ::fork();
  ASSERT_GE(child, 0);  // the kill below would be everybody's
  if (child == 0) ::pause(), ::_exit(0);
  EXPECT_EQ(children().size(), before.size() + 1);
  ::kill(child, SIGKILL);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST_F(ResolverTest, may_be_asked_from_many_threads) {
  constexpr int kThreads = 4, kEach = 50;
  for (int i = 0; i < kEach; ++i)
    responder.set("t" + std::to_string(i) + ".example", Type::a, {address(AF_INET, "192.0.2.1")});
  Resolver resolver(settings());
  std::array<int, kThreads> found{};
  std::vector<std::thread> threads;
  for (auto& count : found) {
    threads.emplace_back([&resolver, &count] {
      for (int i = 0; i < kEach; ++i)
        count += ask(resolver, "t" + std::to_string(i) + ".example", Type::a).status == Status::found ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto count : found) EXPECT_EQ(count, kEach);
}

TEST_F(ResolverTest, answers_many_questions_at_once) {
  constexpr int kMany = 300;
  for (int i = 0; i < kMany; ++i)
    responder.set("h" + std::to_string(i) + ".example", Type::a, {address(AF_INET, "192.0.2.1")});
  Resolver resolver(settings());
  boost::asio::io_context context;
  std::vector<std::future<DnsReply>> replies;
  for (int i = 0; i < kMany; ++i) {
    replies.push_back(boost::asio::co_spawn(
        context, resolver.query("h" + std::to_string(i) + ".example", Type::a), boost::asio::use_future));
  }
  context.run();
  for (auto& reply : replies) EXPECT_EQ(reply.get().status, Status::found);
}

TEST_F(ResolverTest, what_is_under_way_ends_when_it_is_stopped) {
  responder.set("silent.example", static_cast<std::uint16_t>(Type::a), Answer{.silent = true});
  Resolver resolver(settings());
  boost::asio::io_context context;
  auto reply =
      boost::asio::co_spawn(context, resolver.query("silent.example", Type::a), boost::asio::use_future);
  std::thread running([&context] { context.run(); });
  responder.wait_for("silent.example");
  resolver.stop();
  running.join();
  EXPECT_EQ(reply.get().status, Status::temporary);
  EXPECT_EQ(ask(resolver, "later.example", Type::a).status, Status::temporary);
}

TEST_F(ResolverTest, knows_the_name_of_the_loopback_address) {
  EXPECT_EQ(texts(ask(Resolver::reverse_name("127.0.0.1"), Type::ptr)), (Texts{"localhost"}));
}

TEST_F(ResolverTest, the_systems_own_lookup_ends_with_the_resolver) {
  Resolver resolver(settings());
  resolver.stop();
  boost::asio::io_context context;
  auto reply = boost::asio::co_spawn(context, resolver.native_addresses("localhost", Type::a),
                                     boost::asio::use_future);
  context.run();
  EXPECT_EQ(reply.get().status, Status::temporary);
}

TEST(ResolverServer, is_an_address_with_a_port_or_without) {
  for (const auto* good : {"192.0.2.53", "192.0.2.53@5353", "2001:db8::53", "::1@53"})
    EXPECT_TRUE(Resolver::is_server(good)) << good;
  for (const auto* bad : {"", "dns.example", "192.0.2.53:53", "192.0.2.53@", "192.0.2.53@0",
                          "192.0.2.53@65536", "192.0.2.53@53x", "@53", "192.0.2.53 192.0.2.54"})
    EXPECT_FALSE(Resolver::is_server(bad)) << bad;
}

TEST_F(ResolverTest, the_systems_own_lookup_knows_localhost) {
  Resolver resolver(settings());
  boost::asio::io_context context;
  auto reply = boost::asio::co_spawn(context, resolver.native_addresses("localhost", Type::a),
                                     boost::asio::use_future);
  context.run();
  EXPECT_EQ(texts(reply.get()), (Texts{"127.0.0.1"}));
}

}  // namespace
}  // namespace hikyaku::io
