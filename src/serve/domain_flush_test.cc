#include "serve/domain_flush.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hikyaku::serve {
namespace {

using std::chrono::seconds;

struct WaitsCase {
  const char* name;
  std::vector<std::string> pending;
  bool waits;
  std::vector<std::string> delivered = {};
  bool hold = false;
  int next_attempt = 200;
};

class WaitsFor : public testing::TestWithParam<WaitsCase> {};

TEST_P(WaitsFor, is) {
  const auto& row = GetParam();
  record::QueueEntry entry;
  entry.hold = row.hold;
  entry.next_attempt = Time{seconds(row.next_attempt)};
  const auto add = [&](const std::vector<std::string>& addresses, record::RecipientState state) {
    for (const auto& address : addresses) {
      record::Recipient recipient;
      recipient.address = *mail::Address::from_internal(address);
      recipient.state = state;
      entry.recipients.push_back(std::move(recipient));
    }
  };
  add(row.pending, record::RecipientState::pending);
  add(row.delivered, record::RecipientState::delivered);
  EXPECT_EQ(waits_for(entry, {"a.example", "b.example"}, Time{seconds(100)}), row.waits);
}

INSTANTIATE_TEST_SUITE_P(, WaitsFor,
                         testing::Values(WaitsCase{"recipient_of_the_domain", {"x@a.example"}, true},
                                         WaitsCase{"domain_in_any_case", {"x@A.Example"}, true},
                                         WaitsCase{"one_of_several", {"x@c.example", "y@b.example"}, true},
                                         WaitsCase{"other_domain", {"x@c.example"}, false},
                                         WaitsCase{"subdomain_is_another", {"x@sub.a.example"}, false},
                                         WaitsCase{"local_part_is_no_domain", {"a.example"}, false},
                                         WaitsCase{
                                             "delivered_already", {"x@c.example"}, false, {"x@a.example"}},
                                         WaitsCase{"on_hold", {"x@a.example"}, false, {}, true},
                                         WaitsCase{"due_already", {"x@a.example"}, false, {}, false, 100}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::serve
