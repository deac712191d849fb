#include "io/public_suffixes.h"

#include <gtest/gtest.h>

namespace hikyaku::io {
namespace {

TEST(PublicSuffixes, TellsWhatWasRegistered) {
  const auto suffixes = PublicSuffixes::open();
  ASSERT_TRUE(suffixes) << suffixes.error().text;
  for (const auto& [name, domain] : {
           std::pair{"mx1.eu.provider.com", "provider.com"},
           std::pair{"MX.Provider.CO.JP", "provider.co.jp"},
           std::pair{"provider.co.uk", "provider.co.uk"},
           std::pair{"co.jp", ""},
           std::pair{"com", ""},
           std::pair{"[192.0.2.7]", ""},
           std::pair{"", ""},
       })
    EXPECT_EQ((*suffixes)->registered_domain(name), domain) << name;
}

}  // namespace
}  // namespace hikyaku::io
