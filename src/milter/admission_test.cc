#include "milter/admission.h"

#include <gtest/gtest.h>

namespace hikyaku::milter {
namespace {

using std::chrono::seconds;

class AdmissionTest : public testing::Test {
 protected:
  Admission make(std::size_t connections, std::size_t addresses) {
    return {{.connections = connections, .breaker = {.in_a_row = 2, .open_for = seconds{10}}}, addresses};
  }
  CircuitBreaker::Moment now{seconds{1000}};
};

TEST_F(AdmissionTest, the_first_address_comes_first) {
  auto admission = make(0, 2);
  const auto place = admission.enter(now);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->address, 0U);
}

TEST_F(AdmissionTest, the_second_is_tried_when_the_first_can_not_be_reached) {
  auto admission = make(0, 2);
  const auto first = admission.enter(now);
  ASSERT_TRUE(first);
  const auto second = admission.next(*first, now);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->address, 1U);
  EXPECT_FALSE(admission.next(*second, now)) << "there is no third";
  EXPECT_EQ(admission.connections(), 1U) << "it is one connection, wherever it goes";
}

TEST_F(AdmissionTest, an_address_that_failed_too_often_is_passed_over) {
  auto admission = make(0, 2);
  for (int i = 0; i < 2; ++i) {
    const auto place = admission.enter(now);
    ASSERT_TRUE(place);
    ASSERT_EQ(place->address, 0U);
    static_cast<void>(admission.next(*place, now));
  }
  const auto place = admission.enter(now);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->address, 1U);
}

TEST_F(AdmissionTest, is_refused_while_all_addresses_are_kept_away_from) {
  auto admission = make(0, 1);
  for (int i = 0; i < 2; ++i) {
    const auto place = admission.enter(now);
    ASSERT_TRUE(place);
    admission.failed(*place, now);
    admission.left();
  }
  EXPECT_EQ(admission.enter(now).error(), Admission::Refusal::breaker);
  EXPECT_EQ(admission.connections(), 0U);
  now += seconds{10};
  const auto probe = admission.enter(now);
  ASSERT_TRUE(probe);
  admission.succeeded(*probe, now);
  EXPECT_EQ(admission.breakers()[0].state(now), CircuitBreaker::State::closed);
}

TEST_F(AdmissionTest, the_budget_is_for_all_addresses_together) {
  auto admission = make(2, 2);
  ASSERT_TRUE(admission.enter(now));
  ASSERT_TRUE(admission.enter(now));
  EXPECT_EQ(admission.enter(now).error(), Admission::Refusal::budget);
  admission.left();
  EXPECT_TRUE(admission.enter(now));
}

TEST_F(AdmissionTest, a_full_budget_does_not_use_up_the_probe) {
  auto admission = make(2, 1);
  const auto one = admission.enter(now);
  const auto two = admission.enter(now);
  ASSERT_TRUE(one && two);
  admission.failed(*one, now);
  admission.failed(*two, now);
  now += seconds{10};
  EXPECT_EQ(admission.enter(now).error(), Admission::Refusal::budget);
  admission.left();
  const auto probe = admission.enter(now);
  ASSERT_TRUE(probe);
  EXPECT_EQ(probe->leave, CircuitBreaker::Leave::probe);
}

}  // namespace
}  // namespace hikyaku::milter
