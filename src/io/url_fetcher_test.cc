#include "io/url_fetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace hikyaku::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

/// A server that is sent requests and says what `respond` makes of each one's first line.
class Server {
 public:
  using Respond = std::function<std::string(const std::string& line)>;
  explicit Server(Respond respond) : respond_(std::move(respond)), acceptor_(context_, {tcp::v4(), 0}) {
    ::setenv("no_proxy", "127.0.0.1", 1);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ending_ = true;
    asio::io_context context;
    tcp::socket last(context);  // accept() is not woken by close()
    last.connect({asio::ip::address_v4::loopback(), acceptor_.local_endpoint().port()});
    thread_.join();
  }
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + path;
  }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    std::vector<std::jthread> threads;
    for (;;) {
      auto socket = acceptor_.accept();
      if (ending_) return;
      threads.emplace_back([this, one = std::move(socket)]() mutable { answer(one); });
    }
  }
  void answer(tcp::socket& socket) {
    boost::system::error_code error;
    asio::streambuf head;
    auto length = asio::read_until(socket, head, "\r\n\r\n", error);
    if (error) return;
    std::string all(asio::buffers_begin(head.data()), asio::buffers_end(head.data()));
    if (const auto at = all.find("Content-Length: "); at != std::string::npos) {
      const auto wanted = length + std::stoul(all.substr(at + 16));
      std::array<char, 4096> room{};
      while (all.size() < wanted && !error) {
        const auto got = socket.read_some(asio::buffer(room), error);
        all.append(room.data(), got);
      }
    }
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(all);
    }
    asio::write(socket, asio::buffer(respond_(all.substr(0, all.find('\r')))), error);
  }

  Respond respond_;
  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::atomic<bool> ending_ = false;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

std::string ok(const std::string& body) {
  return "HTTP/1.0 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// A UrlFetcher that is waited for, by any thread.
class Fetching {
 public:
  ~Fetching() { context_.stop(); }
  Result<std::string> fetch(UrlRequest request, std::chrono::milliseconds patience = 20s) {
    auto ended = asio::co_spawn(
        context_, fetcher_.fetch(std::move(request), "lane", 1, std::chrono::steady_clock::now() + patience),
        asio::use_future);
    return ended.get();
  }
  void stop() { fetcher_.stop(); }

 private:
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> busy_ = asio::make_work_guard(context_);
  UrlFetcher fetcher_;
  std::jthread thread_{[this] { context_.run(); }};
};

TEST(UrlFetcher, TellsWhatAUrlAnswers) {
  Server server([](const std::string& line) { return ok("you said " + line); });
  Fetching fetcher;
  const auto answer = fetcher.fetch({server.url("/a?b=%40"), {}, {}});
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(*answer, "you said GET /a?b=%40 HTTP/1.1");
}

TEST(UrlFetcher, PostsABody) {
  Server server([](const std::string&) { return ok("taken"); });
  Fetching fetcher;
  const std::string body("a\0b", 3);
  EXPECT_EQ(fetcher.fetch({server.url("/"), "text/x", body}).value(), "taken");
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_THAT(requests[0], testing::StartsWith("POST / HTTP/1.1\r\n"));
  EXPECT_THAT(requests[0], HasSubstr("Content-Type: text/x\r\n"));
  EXPECT_TRUE(requests[0].ends_with("\r\n\r\n" + body));
}

TEST(UrlFetcher, TakesNoAnswerOfAnotherStatus) {
  Server server(
      [](const std::string&) { return "HTTP/1.0 404 Not Found\r\n\r\nmilterGreylistStatus: Ok\n"; });
  Fetching fetcher;
  const auto answer = fetcher.fetch({server.url("/"), {}, {}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().text, "the server answered with the status 404");
}

TEST(UrlFetcher, TakesNoAnswerBeyondTheLimit) {
  Server server([](const std::string& line) {
    return ok(std::string(UrlFetcher::kAnswerLimit + (line.find("more") == std::string::npos ? 0 : 1), 'x'));
  });
  Fetching fetcher;
  EXPECT_EQ(fetcher.fetch({server.url("/"), {}, {}}).value().size(), UrlFetcher::kAnswerLimit);
  const auto answer = fetcher.fetch({server.url("/more"), {}, {}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().text, "the answer is of more than 65536 octets");
}

TEST(UrlFetcher, FollowsToHttpAloneAndNotWithAMessage) {
  Server server([&](const std::string& line) {
    const std::string to = line.find("/file") != std::string::npos ? "file:///etc/hostname"
                           : line.find("/on") != std::string::npos ? "/there"
                                                                   : "";
    return to.empty() ? ok("there")
                      : "HTTP/1.0 302 Found\r\nLocation: " + to + "\r\nContent-Length: 0\r\n\r\n";
  });
  Fetching fetcher;
  EXPECT_EQ(fetcher.fetch({server.url("/on"), {}, {}}).value(), "there");
  EXPECT_FALSE(fetcher.fetch({server.url("/file"), {}, {}}));
  const auto posted = fetcher.fetch({server.url("/on"), "text/x", "body"});
  ASSERT_FALSE(posted);
  EXPECT_EQ(posted.error().text, "the server answered with the status 302");
}

TEST(UrlFetcher, ReadsNoFiles) {
  Fetching fetcher;
  EXPECT_FALSE(fetcher.fetch({"file:///etc/hostname", {}, {}}));
}

TEST(UrlFetcher, GivesUpWhenTimeIsOver) {
  std::promise<void> release;
  Server server([held = release.get_future().share()](const std::string&) {
    held.wait();
    return ok("late");
  });
  Fetching fetcher;
  const auto answer = fetcher.fetch({server.url("/"), {}, {}}, 100ms);
  release.set_value();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, Fault::temporary);
}

TEST(UrlFetcher, HasNoMoreThanSoManyOfALaneUnderWay) {
  std::promise<void> asked, release;
  Server server([&, held = release.get_future().share()](const std::string& line) {
    if (line.find("/held") == std::string::npos) return ok("quick");
    asked.set_value();
    held.wait();
    return ok("held");
  });
  Fetching fetcher;
  auto first = std::async(std::launch::async, [&] { return fetcher.fetch({server.url("/held"), {}, {}}); });
  asked.get_future().wait();
  auto late = fetcher.fetch({server.url("/late"), {}, {}}, 50ms);
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().text, HasSubstr("at a time"));
  auto next = std::async(std::launch::async, [&] { return fetcher.fetch({server.url("/next"), {}, {}}); });
  release.set_value();
  EXPECT_EQ(first.get().value(), "held");
  EXPECT_EQ(next.get().value(), "quick");
  EXPECT_EQ(server.requests().size(), 2U) << "the one that was late was never sent";
}

TEST(UrlFetcher, EndsWhatIsUnderWayWithTheProgram) {
  std::promise<void> asked, release;
  Server server([&, held = release.get_future().share()](const std::string&) {
    asked.set_value();
    held.wait();
    return ok("late");
  });
  Fetching fetcher;
  auto under_way = std::async(std::launch::async, [&] { return fetcher.fetch({server.url("/"), {}, {}}); });
  asked.get_future().wait();
  fetcher.stop();
  EXPECT_EQ(under_way.get().error().text, "the program ends");
  EXPECT_EQ(fetcher.fetch({server.url("/"), {}, {}}).error().text, "the program ends");
  release.set_value();
}

}  // namespace
}  // namespace hikyaku::io
