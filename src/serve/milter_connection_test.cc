#include "serve/milter_connection.h"

#include <gmock/gmock.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>

#include "io/loopback.h"
#include "milter/filter_session.h"
#include "milter/packet_text.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
namespace step = milter::step;
namespace action = milter::action;
using asio::ip::tcp;
using hikyaku::testing_support::Loopback;
using hikyaku::testing_support::TemporaryFolder;
using milter::FilterSession;
using testing::ElementsAre;
using testing::HasSubstr;
using Verdict = MilterConnection::Verdict;
using Kind = Verdict::Kind;

constexpr std::chrono::seconds kLong{30};

/// A filter that answers one connection, with what the test gives it for each event.
struct Filter {
  milter::Wishes wishes;
  std::function<void(FilterSession&, const FilterSession::Event&)> answers = [](FilterSession& session,
                                                                                const FilterSession::Event&) {
    session.answer(FilterSession::Answer::go_on);
  };
  std::size_t reads = 0, body = 0, largest_chunk = 0;
  std::string ended;
  bool begun = false;

  asio::awaitable<void> talk(io::Stream stream) {
    FilterSession::Settings settings;
    FilterSession session(settings);
    stream.set_deadline(kLong, "the MTA");
    std::vector<char> room(std::size_t{1} << 18);
    for (;;) {
      auto event = session.next();
      if (std::holds_alternative<FilterSession::NeedBytes>(event)) {
        const auto out = session.take_output();
        const auto sent = co_await stream.write_all(out);
        if (!sent) break;
        const auto got = co_await stream.read_some(room);
        if (!got || *got == 0) {
          ended = "no QUIT";
          break;
        }
        ++reads;
        session.feed({room.data(), *got});
      } else if (const auto* close = std::get_if<FilterSession::Close>(&event)) {
        ended = close->reason.empty() ? "QUIT" : close->reason;
        break;
      } else if (std::holds_alternative<FilterSession::Negotiate>(event)) {
        EXPECT_TRUE(session.negotiate(wishes));
      } else {
        begun = true;
        if (const auto* chunk = std::get_if<FilterSession::Body>(&event)) {
          body += chunk->octets.size();
          largest_chunk = std::max(largest_chunk, chunk->octets.size());
        }
        answers(session, event);
      }
    }
    co_await stream.close();
  }
};

/// Takes one connection, and hands it to what the test wants to be a filter.
template <class Protocol>
asio::awaitable<void> accept_one(Loopback& loop, typename Protocol::acceptor& acceptor,
                                 std::function<asio::awaitable<void>(io::Stream)> filter) {
  auto socket = co_await acceptor.async_accept(asio::use_awaitable);
  io::Stream stream(std::move(socket), loop.sweep());
  co_await filter(std::move(stream));
}

/// A filter that sends octets after the first ones that it gets, then waits for the end of the talk.
asio::awaitable<void> say(io::Stream stream, std::string octets, bool then_close) {
  std::array<char, 4096> room{};
  stream.set_deadline(kLong, "the MTA");
  const auto heard = co_await stream.read_some(room);
  if (!heard) co_return;
  const auto sent = co_await stream.write_all(octets);
  while (sent && !then_close) {
    const auto more = co_await stream.read_some(room);
    if (!more || *more == 0) break;
  }
  co_await stream.close();
}

/// A filter that agrees to everything, and then says nothing but PROGRESS.
asio::awaitable<void> only_progress(io::Stream stream) {
  using milter::testing_support::packet;
  std::array<char, 4096> room{};
  stream.set_deadline(kLong, "the MTA");
  const auto offer = co_await stream.read_some(room);
  const auto agreed = milter::testing_support::negotiation(6, 0, 0);
  auto sent = co_await stream.write_all(agreed);
  const auto event = co_await stream.read_some(room);
  EXPECT_TRUE(offer && event);
  const auto progress = packet('p');
  while (sent) {
    sent = co_await stream.write_all(progress);
    co_await asio::post(asio::use_awaitable);  // the other side's turn
  }
  co_await stream.close();
}

class MilterConnectionTest : public testing::Test {
 protected:
  MilterConnectionTest() : acceptor_(loop.context(), {asio::ip::address_v4::loopback(), 0}) {
    settings.endpoint = {"", "127.0.0.1", std::to_string(acceptor_.local_endpoint().port())};
  }

  using Talk = std::function<asio::awaitable<void>(MilterConnection&)>;
  asio::awaitable<void> drive(Talk talk) {
    MilterConnection connection(settings, loop.sweep());
    connected = co_await connection.connect();
    if (talk) co_await talk(connection);
    co_await connection.close();
    notes = connection.session().notes();
  }
  /// The connection on one side, `filter` on the other.
  void run(std::function<asio::awaitable<void>(io::Stream)> one, Talk talk) {
    loop.spawn(accept_one<tcp>(loop, acceptor_, std::move(one)));
    loop.spawn(drive(std::move(talk)));
    loop.run();
  }
  void run(Talk talk) {
    run([this](io::Stream stream) { return filter.talk(std::move(stream)); }, std::move(talk));
  }

  Loopback loop;
  MilterConnection::Settings settings;
  Filter filter;
  Verdict connected;
  milter::MacroTable macros;
  std::vector<milter::Edit> edits;
  std::vector<Verdict> verdicts;
  std::vector<std::string> notes;

  asio::awaitable<void> ask(MilterConnection& connection) {
    auto verdict = co_await connection.verdict(edits);
    verdicts.push_back(std::move(verdict));
  }
  asio::awaitable<void> begin_envelope(MilterConnection& connection) {
    auto& session = connection.session();
    session.connect("mx.example", {milter::ClientAddress::Family::inet, 25, "192.0.2.1"}, macros);
    co_await ask(connection);
    session.helo("mx.example", macros);
    co_await ask(connection);
    session.mail("<a@a.example>", {}, macros);
    co_await ask(connection);
    session.rcpt("<b@b.example>", {}, milter::ClientSession::Recipient::accepted, macros);
    co_await ask(connection);
  }
  /// Up to the end of the headers.
  asio::awaitable<void> begin_message(MilterConnection& connection) {
    auto& session = connection.session();
    co_await begin_envelope(connection);
    session.data(macros);
    co_await ask(connection);
    session.header("Subject: x", macros);
    co_await ask(connection);
    session.end_of_headers(macros);
    co_await ask(connection);
  }
  asio::awaitable<void> end_message(MilterConnection& connection) {
    connection.session().end_of_message(macros);
    co_await ask(connection);
  }
  asio::awaitable<void> whole_message(MilterConnection& connection) {
    co_await begin_message(connection);
    connection.session().body("text\r\n", macros);
    co_await ask(connection);
    co_await end_message(connection);
  }
  Talk message() {
    return [this](MilterConnection& connection) { return whole_message(connection); };
  }

 private:
  tcp::acceptor acceptor_;
};

/// A filter that answers no `silent`, and tells that it has come.
template <class Silent>
auto falls_silent_at(std::function<void()> told) {
  return [told = std::move(told)](FilterSession& session, const FilterSession::Event& event) {
    if (std::holds_alternative<Silent>(event)) return told();
    session.answer(FilterSession::Answer::go_on);
  };
}

TEST_F(MilterConnectionTest, AtTheEndOfTheProgramNothingIsWaitedForBeforeTheContent) {
  settings.session.default_action = milter::DefaultAction::reject;
  filter.answers = falls_silent_at<FilterSession::Rcpt>([this] { loop.sweep().expire_idle(); });
  run([this](MilterConnection& connection) { return begin_envelope(connection); });
  EXPECT_EQ(verdicts.back().kind, Kind::shutdown);
  EXPECT_EQ(verdicts.back().reply.line(), "421 4.3.2 Service shutting down") << "not the default action";
  EXPECT_THAT(verdicts.back().failure, HasSubstr("rcpt was not answered before the end of the hub"));
  EXPECT_EQ(filter.ended, "no QUIT");
}

TEST_F(MilterConnectionTest, AtTheEndOfTheProgramNoFilterIsConnectedTo) {
  loop.sweep().expire_idle();
  loop.spawn(drive(nullptr));
  loop.run();
  EXPECT_EQ(connected.reply.line(), "421 4.3.2 Service shutting down");
}

TEST_F(MilterConnectionTest, AtTheEndOfTheProgramTheAnswerToAMessageIsWaitedFor) {
  filter.answers = [this](FilterSession& session, const FilterSession::Event& event) {
    if (std::holds_alternative<FilterSession::EndOfMessage>(event)) {
      // By the time that it answers the end has come, and those that may be left alone were.
      loop.sweep().expire_idle();
    }
    session.answer(FilterSession::Answer::go_on);
  };
  run(message());
  EXPECT_EQ(verdicts.back(), Verdict{});
  EXPECT_EQ(filter.ended, "QUIT");
}

TEST_F(MilterConnectionTest, AMessageGoesThroughAndTheEditsComeBack) {
  filter.wishes.actions = action::add_headers | action::quarantine;
  filter.answers = [](FilterSession& session, const FilterSession::Event& event) {
    if (std::holds_alternative<FilterSession::EndOfMessage>(event)) {
      session.edit(milter::AddHeader{"X-Seen", "yes"});
      session.edit(milter::Quarantine{"odd"});
    }
    session.answer(FilterSession::Answer::go_on);
  };
  run(message());
  EXPECT_EQ(connected, Verdict{});
  EXPECT_THAT(verdicts, testing::SizeIs(9));
  EXPECT_THAT(verdicts, testing::Each(Verdict{}));
  EXPECT_THAT(edits, ElementsAre(milter::AddHeader{"X-Seen", "yes"}, milter::Quarantine{"odd"}));
  EXPECT_EQ(filter.body, 6U);
  EXPECT_EQ(filter.ended, "QUIT");
}

TEST_F(MilterConnectionTest, WhatHasNoAnswerIsSentTogether) {
  filter.wishes.steps = step::no_reply_connect | step::no_reply_helo | step::no_reply_mail |
                        step::no_reply_rcpt | step::no_reply_data | step::no_reply_header |
                        step::no_reply_end_of_headers | step::no_reply_body;
  run(message());
  EXPECT_THAT(verdicts, testing::Each(Verdict{}));
  // The negotiation, the whole message, and QUIT, which may come with nothing else.
  EXPECT_EQ(filter.reads, 3U);
  EXPECT_EQ(filter.body, 6U);
}

TEST_F(MilterConnectionTest, ALargeBodyGoesInChunksOf65535) {
  filter.wishes.steps = step::no_reply_body;
  const std::string octets(std::size_t{3} << 20, 'x');
  run([&](MilterConnection& connection) -> asio::awaitable<void> {
    co_await begin_message(connection);
    // Each part in memory that is used again at once.
    std::string part;
    for (std::size_t sent = 0; sent < octets.size();) {
      part.assign(octets, sent, 100000);
      sent += connection.session().body(part, macros);
      co_await ask(connection);
      std::ranges::fill(part, '?');
    }
    co_await end_message(connection);
  });
  EXPECT_EQ(filter.body, octets.size());
  EXPECT_EQ(filter.largest_chunk, 65535U);
  EXPECT_THAT(verdicts, testing::Each(Verdict{}));
}

TEST_F(MilterConnectionTest, AUnixSocketServesAsWell) {
  const TemporaryFolder folder;
  settings.endpoint = {folder.file("socket"), "", ""};
  asio::local::stream_protocol::acceptor acceptor(loop.context(), folder.file("socket"));
  loop.spawn(accept_one<asio::local::stream_protocol>(
      loop, acceptor, [this](io::Stream stream) { return filter.talk(std::move(stream)); }));
  loop.spawn(drive(message()));
  loop.run();
  EXPECT_EQ(connected, Verdict{});
  EXPECT_EQ(filter.ended, "QUIT");
}

TEST_F(MilterConnectionTest, AUnixSocketWithAFullLineIsWaitedFor) {
  const TemporaryFolder folder;
  settings.endpoint = {folder.file("socket"), "", ""};
  using local = asio::local::stream_protocol;
  local::acceptor acceptor(loop.context(), local());
  acceptor.bind(folder.file("socket"));
  acceptor.listen(0);
  local::socket before(loop.context());
  before.connect(folder.file("socket"));
  local::socket accepted(loop.context());
  const auto serve = [&]() -> asio::awaitable<void> {
    // Begins when ours has tried: the one that fills the line is taken now.
    co_await acceptor.async_accept(accepted, asio::use_awaitable);
    std::function<asio::awaitable<void>(io::Stream)> one = [this](io::Stream stream) {
      return filter.talk(std::move(stream));
    };
    co_await accept_one<local>(loop, acceptor, std::move(one));
  };
  loop.spawn(drive(message()));
  loop.spawn(serve());
  loop.run();
  EXPECT_EQ(connected, Verdict{});
  EXPECT_EQ(filter.ended, "QUIT");
}

TEST_F(MilterConnectionTest, AHostNameIsLookedUp) {
  settings.endpoint.host = "localhost";
  run(message());
  EXPECT_EQ(connected, Verdict{}) << connected.failure;
  EXPECT_EQ(filter.ended, "QUIT");
}

TEST_F(MilterConnectionTest, APortThatThereIsNotGivesTheDefaultAction) {
  settings.endpoint.service = "no-such-service";
  loop.spawn(drive({}));
  loop.run();
  EXPECT_EQ(connected.kind, Kind::reply);
  EXPECT_THAT(connected.failure, HasSubstr("no-such-service"));
}

TEST_F(MilterConnectionTest, WhereNobodyListensTheDefaultActionHolds) {
  const TemporaryFolder folder;
  settings.endpoint = {folder.file("nobody"), "", ""};
  settings.session.default_action = milter::DefaultAction::accept;
  loop.spawn(drive(message()));
  loop.run();
  EXPECT_EQ(connected.kind, Kind::accept);
  EXPECT_THAT(connected.failure, HasSubstr("No such file or directory"));
  for (const auto& verdict : verdicts) EXPECT_EQ(verdict.kind, Kind::accept);
}

TEST_F(MilterConnectionTest, SilenceEndsWithTheTimeout) {
  settings.command_timeout = std::chrono::seconds{0};
  run([](io::Stream stream) { return say(std::move(stream), {}, false); }, message());
  EXPECT_THAT(connected.failure, HasSubstr("no answer to negotiation within milter_command_timeout"));
  EXPECT_EQ(verdicts.back().reply.code, 451);
}

TEST_F(MilterConnectionTest, ProgressHoldsOutButNotForEver) {
  run([](io::Stream stream) { return only_progress(std::move(stream)); },
      [this](MilterConnection& connection) -> asio::awaitable<void> {
        settings.longest_answer = std::chrono::seconds{0};
        connection.session().helo("mx.example", macros);
        co_await ask(connection);
      });
  ASSERT_THAT(verdicts, testing::SizeIs(1));
  EXPECT_EQ(verdicts[0].kind, Kind::reply);
  EXPECT_THAT(verdicts[0].failure, HasSubstr("but PROGRESS"));
}

TEST_F(MilterConnectionTest, AFilterThatGoesInMidPacketGivesTheDefaultAction) {
  auto octets = milter::testing_support::negotiation(6, 0, 0);
  octets.resize(octets.size() - 3);
  run([octets](io::Stream stream) { return say(std::move(stream), octets, true); }, message());
  EXPECT_EQ(connected.kind, Kind::reply);
  EXPECT_THAT(connected.failure, HasSubstr("closed the connection"));
  EXPECT_EQ(verdicts.back().reply.code, 451);
}

TEST_F(MilterConnectionTest, GarbageGivesTheDefaultAction) {
  settings.session.default_action = milter::DefaultAction::shutdown;
  run([](io::Stream stream) { return say(std::move(stream), "HTTP/1.1 400 Bad Request\r\n\r\n", false); },
      message());
  EXPECT_EQ(connected.kind, Kind::shutdown);
  EXPECT_THAT(connected.failure, HasSubstr("octets"));
  EXPECT_EQ(verdicts.back().reply.code, 421);
}

TEST_F(MilterConnectionTest, AFilterThatGoesWhileItIsOnlySentThingsIsNoticed) {
  const auto octets = milter::testing_support::negotiation(6, 0, step::no_reply_body | step::no_reply_helo);
  const std::string large(std::size_t{8} << 20, 'x');
  run([octets](io::Stream stream) { return say(std::move(stream), octets, true); },
      [&](MilterConnection& connection) -> asio::awaitable<void> {
        for (std::string_view rest = large; !rest.empty();) {
          rest.remove_prefix(connection.session().body(rest, macros));
          co_await ask(connection);
        }
      });
  EXPECT_EQ(connected, Verdict{});
  EXPECT_EQ(verdicts.back().kind, Kind::reply);
  EXPECT_THAT(verdicts.back().failure, HasSubstr("sending to inet:127.0.0.1:"));
}

}  // namespace
}  // namespace hikyaku::serve
