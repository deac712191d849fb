#include "serve/destination_queue.h"

#include <gtest/gtest.h>

namespace hikyaku::serve {
namespace {

using Turn = DestinationQueue::Turn;

route::TransportLimits limits(std::size_t concurrency, std::size_t processes = 100) {
  route::TransportLimits limits;
  limits.destination_concurrency_limit = concurrency;
  limits.initial_destination_concurrency = 1;
  limits.process_limit = processes;
  return limits;
}

Job job(std::size_t number) { return {std::make_shared<ActiveMessage>(), {number}}; }

class DestinationQueueTest : public testing::Test {
 protected:
  std::vector<std::shared_ptr<DestinationQueue::Destination>> started;
  DestinationQueue queue{
      [this](std::shared_ptr<DestinationQueue::Destination> one) { started.push_back(std::move(one)); }};
};

TEST_F(DestinationQueueTest, AWorkerTakesTheJobsOfItsDestinationInTheirOrder) {
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(queue.add("smtp", "a", limits(1), job(i), Time{}));
  ASSERT_EQ(started.size(), 1U);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto next = queue.next(*started[0], i == 0 ? Turn::first : Turn::further);
    ASSERT_TRUE(next.job);
    EXPECT_EQ(next.job->recipients.front(), i);
  }
  EXPECT_FALSE(queue.next(*started[0], Turn::further).job);
}

TEST_F(DestinationQueueTest, EachSuccessLetsMoreWorkersInUpToTheLimit) {
  for (std::size_t i = 0; i < 20; ++i) EXPECT_FALSE(queue.add("smtp", "a", limits(3), job(i), Time{}));
  EXPECT_EQ(started.size(), 1U);
  for (int i = 0; i < 20; ++i) queue.succeeded(*started[0]);
  EXPECT_EQ(started.size(), 3U);
}

TEST_F(DestinationQueueTest, AParkedWorkerIsGivenTheNextJobWithItsConnection) {
  EXPECT_FALSE(queue.add("smtp", "a", limits(1), job(0), Time{}));
  EXPECT_TRUE(queue.next(*started[0], Turn::first).job);
  DestinationQueue::Parked parked;
  int woken = 0;
  parked.wake = [&woken] { ++woken; };
  EXPECT_TRUE(queue.park(*started[0], parked));
  EXPECT_FALSE(queue.add("smtp", "a", limits(1), job(1), Time{}));
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(started.size(), 1U);
  EXPECT_FALSE(queue.unpark(*started[0], parked));
  ASSERT_TRUE(parked.job);
  EXPECT_EQ(parked.job->recipients.front(), 1U);
}

TEST_F(DestinationQueueTest, DestinationsThatWaitForAPlaceGoRoundInTurn) {
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(queue.add("smtp", "a", limits(5, 1), job(i), Time{}));
  EXPECT_FALSE(queue.add("smtp", "b", limits(5, 1), job(9), Time{}));
  ASSERT_EQ(started.size(), 1U);
  EXPECT_TRUE(queue.next(*started[0], Turn::first).job);
  const auto second = queue.next(*started[0], Turn::further);
  EXPECT_FALSE(second.job);
  EXPECT_TRUE(second.leave);
  queue.leave(*started[0]);
  ASSERT_EQ(started.size(), 2U);
  EXPECT_EQ(started[1]->next_hop, "b");
  EXPECT_TRUE(queue.next(*started[1], Turn::first).job);
  queue.leave(*started[1]);
  ASSERT_EQ(started.size(), 3U);
  EXPECT_EQ(started[2]->next_hop, "a");
  EXPECT_EQ(queue.next(*started[2], Turn::first).job->recipients.front(), 1U);
}

TEST_F(DestinationQueueTest, ASuspendedDestinationHandsBackItsJobsAndRefusesOthersUntilItsTime) {
  const Time now{std::chrono::hours{1}};
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(queue.add("smtp", "a", limits(1), job(i), now));
  EXPECT_TRUE(queue.next(*started[0], Turn::first).job);
  EXPECT_EQ(queue.suspend(*started[0], "connection refused", now + std::chrono::minutes{5}).size(), 2U);
  queue.leave(*started[0]);
  const auto refused = queue.add("smtp", "a", limits(1), job(3), now);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, "connection refused");
  EXPECT_FALSE(queue.add("smtp", "a", limits(1), job(4), now + std::chrono::minutes{6}));
}

TEST_F(DestinationQueueTest, AnAdministratorsRetryLiftsSuspensions) {
  const Time now{std::chrono::hours{1}};
  EXPECT_FALSE(queue.add("smtp", "a", limits(1), job(0), now));
  EXPECT_TRUE(queue.next(*started[0], Turn::first).job);
  EXPECT_TRUE(queue.suspend(*started[0], "refused", now + std::chrono::hours{1}).empty());
  queue.leave(*started[0]);
  queue.resume_all();
  EXPECT_FALSE(queue.add("smtp", "a", limits(1), job(1), now));
  EXPECT_EQ(started.size(), 2U);
}

}  // namespace
}  // namespace hikyaku::serve
