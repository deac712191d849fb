#include "io/host_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <semaphore>

#include "io/loopback.h"

namespace hikyaku::io {
namespace {

namespace asio = boost::asio;
using hikyaku::testing_support::Loopback;
using std::chrono::seconds;
using testing::HasSubstr;

/// A resolver that answers when it is told to.
struct SlowResolver {
  std::shared_ptr<std::promise<void>> told = std::make_shared<std::promise<void>>();
  std::shared_future<void> go_on = told->get_future().share();

  std::function<HostAddresses()> find() const {
    return [go_on = go_on]() -> HostAddresses {
      go_on.wait();
      return std::vector<HostAddress>{{"192.0.2.1", 25}};
    };
  }
};

asio::awaitable<void> look_up(Loopback& loop, std::function<HostAddresses()> find, seconds limit,
                              std::optional<HostAddresses>& found) {
  found = co_await look_up_host(loop.sweep(), std::move(find), limit);
}

TEST(HostAddresses, AreThoseOfTheSystemsResolver) {
  EXPECT_THAT(host_addresses("192.0.2.7", "8891"),
              testing::Optional(testing::ElementsAre(HostAddress{"192.0.2.7", 8891})));
  EXPECT_THAT(host_addresses("::1", "8891"),
              testing::Optional(testing::ElementsAre(HostAddress{"::1", 8891})));
  EXPECT_THAT(host_addresses("localhost", "8891"), testing::Optional(testing::Not(testing::IsEmpty())));
  const auto nobody = host_addresses("192.0.2.7", "no-such-service");
  ASSERT_FALSE(nobody);
  EXPECT_THAT(nobody.error().text, HasSubstr("the address of 192.0.2.7, port no-such-service: "));
}

TEST(LookUpHost, GivesWhatIsFound) {
  Loopback loop;
  SlowResolver resolver;
  std::optional<HostAddresses> found;
  loop.spawn(look_up(loop, resolver.find(), seconds{60}, found));
  resolver.told->set_value();
  loop.run();
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->front(), (HostAddress{"192.0.2.1", 25}));
}

TEST(LookUpHost, WaitsNoLongerThanItMay) {
  SlowResolver resolver;
  {
    Loopback loop;
    std::optional<HostAddresses> found;
    loop.spawn(look_up(loop, resolver.find(), seconds{1}, found));
    loop.run();
    ASSERT_TRUE(found && !*found);
    EXPECT_EQ(found->error().text, "the resolver has not answered within 1 s");
    EXPECT_EQ(found->error().fault, Fault::temporary);
  }
  resolver.told->set_value();  // comes for nobody
}

TEST(LookUpHost, WaitsNoLongerThanTheProgram) {
  SlowResolver resolver;
  {
    Loopback loop;
    std::optional<HostAddresses> found;
    loop.spawn(look_up(loop, resolver.find(), seconds{3600}, found));
    asio::post(loop.context(), [&] { loop.sweep().expire_idle(); });
    loop.run();
    ASSERT_TRUE(found && !*found);
    EXPECT_EQ(found->error().text, "the program ends");
  }
  resolver.told->set_value();
}

TEST(LookUpHost, MayBeLeftInTheMidst) {
  SlowResolver resolver;
  {
    Loopback loop;
    std::optional<HostAddresses> found;
    loop.spawn(look_up(loop, resolver.find(), seconds{60}, found));
    loop.context().run_one();  // and it goes with its io_context
  }
  resolver.told->set_value();
}

}  // namespace
}  // namespace hikyaku::io
