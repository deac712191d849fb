// Both ends against programs of other people over real sockets: our client end speaks to a filter on
// libmilter (by python3-milter), our filter end to miltertest.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "milter/client_session.h"
#include "milter/filter_session.h"

namespace hikyaku::milter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kPatience = 60'000;  // milliseconds, for a peer that hangs; a good one takes a few

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  /// What came; empty at the end of the talk, or when nothing came for too long.
  std::string read() const {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, kPatience) != 1) {
      ADD_FAILURE() << "the peer says nothing";
      return {};
    }
    char octets[4096];
    const auto size = ::read(fd_, octets, sizeof octets);
    return {octets, size > 0 ? static_cast<std::size_t>(size) : 0};
  }
  void write(std::string_view octets) const {
    while (!octets.empty()) {
      const auto size = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
      ASSERT_GT(size, 0) << std::strerror(errno);
      octets.remove_prefix(static_cast<std::size_t>(size));
    }
  }

 private:
  int fd_;
};

/// A folder that goes when the test is over, and a socket in it.
class Place {
 public:
  Place() {
    char name[] = "/tmp/milter-test-XXXXXX";
    if (::mkdtemp(name) == nullptr) std::abort();
    folder_ = name;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    ::unlink(socket().c_str());
    ::rmdir(folder_.c_str());
  }
  std::string socket() const { return folder_ + "/socket"; }
  sockaddr_un address() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket().copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
  }
  Socket listen() const {
    Socket listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto name = address();
    if (::bind(listener.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
        ::listen(listener.fd(), 1) != 0)
      ADD_FAILURE() << "listen: " << std::strerror(errno);
    return listener;
  }
  Socket connect() const {
    Socket peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto name = address();
    if (::connect(peer.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0)
      ADD_FAILURE() << "connect: " << std::strerror(errno);
    return peer;
  }

 private:
  std::string folder_;
};

/// A program whose output can be read.
class Program {
 public:
  explicit Program(std::vector<std::string> words) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (const int wrong = ::posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
        wrong != 0) {
      pid_ = -1;
      ADD_FAILURE() << words[0] << ": " << std::strerror(wrong) << " (see tools/packages.txt, check)";
    }
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (pid_ > 0) ::kill(pid_, SIGKILL), wait();
    ::close(output_);
  }
  /// Up to this line. Returns whether it came.
  bool says(std::string_view line) {
    const Socket reader(::dup(output_));
    for (;;) {
      if (heard.find(line) != std::string::npos) return true;
      const auto more = reader.read();
      if (more.empty()) return false;
      heard += more;
    }
  }
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

  std::string heard;

 private:
  pid_t pid_ = -1;
  int output_ = -1;
};

const std::string kTests = HIKYAKU_SOURCE_DIR "/tests/milter/";

TEST(MilterPeers, OurClientEndAndAFilterOnLibmilter) {
  const Place place;
  Program filter({"/usr/bin/python3", kTests + "filter.py", place.socket()});
  ASSERT_TRUE(filter.says("ready")) << filter.heard;
  const auto peer = place.connect();
  const ClientSession::Settings settings;
  ClientSession session(settings);
  std::vector<Edit> edits;
  const auto answer = [&] {
    for (;;) {
      auto event = session.next();
      const auto output = session.take_output();
      peer.write(output.head);
      peer.write(output.body);
      if (auto* verdict = std::get_if<ClientSession::Verdict>(&event)) return *verdict;
      if (auto* edit = std::get_if<Edit>(&event)) {
        edits.push_back(*edit);
        continue;
      }
      const auto said = peer.read();
      if (said.empty()) {
        session.connection_lost("closed");
      } else {
        session.feed(said);
      }
    }
  };
  const auto passes = [&] {
    const auto verdict = answer();
    EXPECT_EQ(verdict, ClientSession::Verdict{}) << verdict.failure << filter.heard;
  };
  passes();
  EXPECT_EQ(session.agreement().version, 6U);
  EXPECT_TRUE(session.agreement().macros[3]);
  MacroTable macros;
  macros.set("j", "hub.example");
  session.connect("unknown", {ClientAddress::Family::inet, 2525, "192.0.2.1"}, macros), passes();
  session.helo("mx.example", macros), passes();

  // One that is given up.
  session.mail("<x@a.example>", {}, macros), passes();
  for (int message = 0; message < 2; ++message) {
    edits.clear();
    macros.sender("a@a.example", "a.example", "smtp");
    const std::vector<std::string> parameters{"SIZE=12"};
    session.mail("<a@a.example>", parameters, macros), passes();
    session.rcpt("<no@b.example>", {}, ClientSession::Recipient::accepted, macros);
    EXPECT_EQ(answer().reply, (SmtpReply{550, "5.1.1", "100% unknown\nreally"}));
    macros.accepted_recipient("4Q1");
    session.rcpt("<b@b.example>", {}, ClientSession::Recipient::accepted, macros), passes();
    session.data(macros), passes();
    session.header("Subject:  two\r\n folded", macros), passes();
    session.header("X-Large: " + std::string(100000, 'x'), macros), passes();
    session.end_of_headers(macros), passes();
    const std::string body(200000, 'b');
    for (std::string_view rest = body; !rest.empty();) {
      rest.remove_prefix(session.body(rest, macros));
      passes();
    }
    session.end_of_message(macros);
    const auto verdict = answer();
    EXPECT_EQ(verdict.kind, ClientSession::Verdict::Kind::accept) << verdict.failure << filter.heard;
    ASSERT_GE(edits.size(), 11U);
    const auto* seen = std::get_if<AddHeader>(&edits[0]);
    ASSERT_TRUE(seen);
    EXPECT_THAT(seen->value, HasSubstr(message == 0 ? "aborted" : "mail <a@a.example>"));
    EXPECT_THAT(
        seen->value,
        HasSubstr("mail <a@a.example> SIZE=12 a@a.example\n rcpt <b@b.example> 4Q1\n data\n "
                  "header Subject ' two\\n folded' 12\n header X-Large 'xxxxxxxxxxxxxxxxxxxx' 65526\n eoh"));
    EXPECT_THAT(seen->value, HasSubstr("\n eoh\n body 65535"));
    EXPECT_THAT(std::vector<Edit>(edits.begin() + 1, edits.begin() + 9),
                ElementsAre(InsertHeader{0, "X-Top", "v"}, ChangeHeader{1, "Subject", "new"},
                            ChangeHeader{1, "X-Gone", ""}, ChangeSender{"<c@c.example>", "RET=HDRS"},
                            AddRecipient{"<d@d.example>", {}}, AddRecipient{"<e@e.example>", "NOTIFY=NEVER"},
                            RemoveRecipient{"<b@b.example>"}, Quarantine{"held"}));
    std::string replaced;
    for (const auto& edit : edits)
      if (const auto* chunk = std::get_if<ReplaceBody>(&edit)) replaced += chunk->octets;
    EXPECT_EQ(replaced, std::string(100000, 'x'));
  }
  session.quit();
  peer.write(session.take_output().head);
  EXPECT_EQ(peer.read(), "") << "libmilter closes";
}

/// What the filter that mta.lua expects does. Nothing: there is no answer to give.
struct Answerer {
  FilterSession& session;
  bool& open;
  using Answer = FilterSession::Answer;

  void operator()(const FilterSession::NeedBytes&) const {}
  void operator()(const FilterSession::Negotiate&) const {
    Wishes wishes;
    wishes.actions = action::all & ~action::set_macro_lists;
    wishes.steps = step::skip | step::no_reply_header;
    EXPECT_TRUE(session.negotiate(wishes));
  }
  void operator()(const FilterSession::Abort&) const {}
  void operator()(const FilterSession::NewConnection&) const {}
  void operator()(const FilterSession::Close& close) const {
    open = false;
    EXPECT_EQ(close.reason, "");
  }
  void operator()(const FilterSession::Rcpt& rcpt) const {
    if (rcpt.path == "<no@b.example>") {
      EXPECT_TRUE(session.answer(SmtpReply{550, "5.1.1", "100% unknown"}));
    } else {
      EXPECT_TRUE(session.answer(Answer::go_on));
    }
  }
  void operator()(const FilterSession::Body&) const { EXPECT_TRUE(session.answer(Answer::skip)); }
  void operator()(const FilterSession::EndOfMessage&) const {
    const Edit edits[] = {
        AddHeader{"X-Seen", std::string(session.macro("{i}").value_or("")) + " " +
                                std::string(session.macro("j").value_or(""))},
        InsertHeader{0, "X-Top", "v"},
        ChangeHeader{1, "Subject", "new"},
        ChangeHeader{1, "X-Gone", ""},
        AddRecipient{"<d@d.example>", {}},
        RemoveRecipient{"<b@b.example>"},
        Quarantine{"held"},
        ReplaceBody{std::string(1000, 'x')},  // miltertest dies of one that fills a packet
    };
    EXPECT_TRUE(session.progress());
    for (const auto& edit : edits) EXPECT_TRUE(session.edit(edit));
    EXPECT_TRUE(session.answer(Answer::accept));
  }
  template <class Event>
  void operator()(const Event&) const {
    EXPECT_TRUE(session.answer(Answer::go_on));
  }
};

TEST(MilterPeers, OurFilterEndAndMiltertest) {
  const Place place;
  const auto listener = place.listen();
  Program mta({"/usr/bin/miltertest", "-D", "SOCKET=" + place.socket(), "-s", kTests + "mta.lua"});
  pollfd ready{listener.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&ready, 1, kPatience), 1) << "miltertest did not come";
  const Socket peer(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  const FilterSession::Settings settings;
  FilterSession session(settings);
  bool open = true;
  while (open) {
    auto event = session.next();
    const bool more = std::holds_alternative<FilterSession::NeedBytes>(event);
    std::visit(Answerer{session, open}, event);
    peer.write(session.take_output());
    if (!more) continue;
    const auto said = peer.read();
    if (said.empty()) break;
    session.feed(said);
  }
  const auto status = mta.wait();
  while (mta.says("\x01never")) {
  }
  EXPECT_EQ(status, 0) << mta.heard;
  EXPECT_FALSE(open) << "the MTA said QUIT";
}

}  // namespace
}  // namespace hikyaku::milter
