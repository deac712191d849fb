#include "smtp/sasl_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hikyaku::smtp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<std::string> kAll = {"PLAIN",  "LOGIN",     "CRAM-MD5", "SCRAM-SHA-256",
                                       "GSSAPI", "ANONYMOUS", "EXTERNAL"};

TEST(SaslRules, EachOptionForbidsItsKind) {
  EXPECT_EQ(SaslRules{}.allowed(kAll), kAll);
  EXPECT_THAT(SaslRules{.no_plaintext = true}.allowed(kAll),
              ElementsAre("CRAM-MD5", "SCRAM-SHA-256", "GSSAPI", "ANONYMOUS", "EXTERNAL"));
  EXPECT_THAT(SaslRules{.no_active = true}.allowed(kAll), ElementsAre("SCRAM-SHA-256", "GSSAPI", "EXTERNAL"));
  EXPECT_THAT(SaslRules{.no_dictionary = true}.allowed(kAll), ElementsAre("GSSAPI", "ANONYMOUS", "EXTERNAL"));
  EXPECT_THAT(SaslRules{.no_anonymous = true}.allowed(kAll), testing::Not(testing::Contains("ANONYMOUS")));
  EXPECT_THAT(SaslRules{.mutual = true}.allowed(kAll), ElementsAre("SCRAM-SHA-256", "GSSAPI"));
  EXPECT_THAT(SaslRules{.forward_secrecy = true}.allowed(kAll), IsEmpty());
  EXPECT_THAT(
      (SaslRules{.no_anonymous = true, .accepts = [](std::string_view name) { return name == "LOGIN"; }}
           .allowed(kAll)),
      ElementsAre("LOGIN"));
}

}  // namespace
}  // namespace hikyaku::smtp
