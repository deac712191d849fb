#include "io/users.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "base/base64.h"
#include "io/loopback.h"

namespace hikyaku::io {
namespace {

using hikyaku::testing_support::TemporaryFolder;
using testing::HasSubstr;
using testing::SizeIs;
using Verdict = Users::Verdict;

ScramVerifier some_verifier() {
  return scram_verifier("pencil", *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
}

TEST(Password, AScramVerifierIsThatOfTheStandardsExample) {
  // The salt and password of RFC 7677 s. 3.
  EXPECT_EQ(text(some_verifier()),
            "4096:W22ZaJ0SNY7soEsUEjb6gQ==:WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
            "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
  EXPECT_EQ(parse_scram_verifier(text(some_verifier())).value(), some_verifier());
}

TEST(Password, TheLongestIsTakenAsItIs) {
  EXPECT_EQ(prepare_password(std::string(255, 'x')).value(), std::string(255, 'x'));
}

TEST(Password, AHashFitsItsPasswordAlone) {
  const auto hash = hash_password("correct horse").value();
  EXPECT_TRUE(hash.starts_with("$y$")) << hash;
  EXPECT_TRUE(password_matches("correct horse", hash));
  EXPECT_FALSE(password_matches("correct hors", hash));
  EXPECT_FALSE(password_matches("correct horse", "$y$nonsense"));
  EXPECT_NE(hash, hash_password("correct horse").value()) << "each has a salt of its own";
}

struct Prepared {
  const char* name;
  std::string given;
  const char* prepared;  // nullptr: refused
};

class PreparePassword : public testing::TestWithParam<Prepared> {};
TEST_P(PreparePassword, AsSaslprepSays) {
  const auto& row = GetParam();
  const auto got = prepare_password(row.given);
  EXPECT_EQ(got.has_value(), row.prepared != nullptr);
  if (got && row.prepared != nullptr) EXPECT_EQ(*got, row.prepared);
  if (!got) EXPECT_THAT(got.error().text, testing::Not(HasSubstr(row.given.empty() ? "\n" : row.given)));
}
INSTANTIATE_TEST_SUITE_P(
    , PreparePassword,
    testing::Values(Prepared{"ascii_as_it_is", "I <3 mail", "I <3 mail"},
                    Prepared{"soft_hyphen_is_nothing", "I\xc2\xadX", "IX"},  // RFC 4013 s. 3, example 1
                    Prepared{"compatible_forms_are_one", "\xc2\xaa", "a"},   // example 4
                    Prepared{"roman_nine", "\xe2\x85\xa8", "IX"},            // example 5
                    Prepared{"control_character",
                             "a\x07"
                             "b",
                             nullptr},  // example 6
                    Prepared{"mixed_directions",
                             "\xd8\xa7"
                             "1",
                             nullptr},  // example 7
                    Prepared{"not_utf8", "a\xff", nullptr}, Prepared{"nul", std::string("a\0b", 3), nullptr},
                    Prepared{"empty", "", nullptr}, Prepared{"too_long", std::string(256, 'x'), nullptr}),
    [](const auto& row) { return std::string(row.param.name); });

struct BadLine {
  const char* name;
  std::string text;
  const char* told;
};

TEST(ParseUsers, ReadsWhatItPrints) {
  const std::vector<User> users{{"test@example.com", "$y$j9T$abc$def", some_verifier()},
                                {"J\xc3\xbcrgen", "$6$x$y", some_verifier()}};
  const auto text = "# people\n\n" + user_line(users[0]) + user_line(users[1]);
  EXPECT_EQ(parse_users(text, "users").value(), users);
  EXPECT_EQ(parse_users(text.substr(0, text.size() - 1), "users").value(), users)
      << "the last line may lack its end";
}

class ParseUsersFaults : public testing::TestWithParam<BadLine> {};
TEST_P(ParseUsersFaults, AreToldWithTheirLine) {
  const auto got = parse_users("# one\n" + GetParam().text, "/x/users");
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().fault, Fault::malformed);
  EXPECT_THAT(got.error().text, HasSubstr("/x/users:2: "));
  EXPECT_THAT(got.error().text, HasSubstr(GetParam().told));
}
const std::string kVerifier = text(some_verifier());
INSTANTIATE_TEST_SUITE_P(
    , ParseUsersFaults,
    testing::Values(BadLine{"no_tabs", "joe", "separated by tabs"},
                    BadLine{"no_verifier", "joe\t$y$x", "separated by tabs"},
                    BadLine{"no_name", "\t$y$x\t" + kVerifier, "a user's name is"},
                    BadLine{"blank_in_name", "joe user\t$y$x\t" + kVerifier, "a user's name is"},
                    BadLine{"control_in_name", "joe\x1b\t$y$x\t" + kVerifier, "a user's name is"},
                    BadLine{"c1_control_in_name", "joe\xc2\x85\t$y$x\t" + kVerifier, "a user's name is"},
                    BadLine{"name_not_utf8", "joe\xff\t$y$x\t" + kVerifier, "a user's name is"},
                    BadLine{"plain_password", "joe\tsecret\t" + kVerifier, "no hash of crypt(3)"},
                    BadLine{"verifier_of_nothing", "joe\t$y$x\t:::", "iterations"},
                    BadLine{"no_iterations", "joe\t$y$x\t0" + kVerifier.substr(4), "iterations"},
                    BadLine{"too_many_iterations", "joe\t$y$x\t10000001" + kVerifier.substr(4), "iterations"},
                    BadLine{"short_key", "joe\t$y$x\t4096:c2FsdA==:c2hvcnQ=:c2hvcnQ=", "32 octets"},
                    BadLine{"no_salt", "joe\t$y$x\t4096::c2hvcnQ=:c2hvcnQ=", "salt"},
                    BadLine{"too_long", std::string(1025, 'x'), "longer than 1024"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ParseUsers, ANameStandsOnce) {
  const auto line = user_line({"joe", "$y$x", some_verifier()});
  const auto got = parse_users(line + line, "users");
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().text, "users:2: joe is there twice");
}

class UsersTest : public testing::Test {
 protected:
  void add(const std::string& name, const std::string& password) {
    auto user = make_user(name, password).value();
    auto changed = change_users(file_, [&](std::vector<User>& all) -> Result<void> {
      std::erase_if(all, [&](const User& one) { return one.name == name; });
      all.push_back(user);
      return {};
    });
    ASSERT_TRUE(changed.has_value()) << changed.error().text;
  }
  TemporaryFolder folder_;
  const std::string file_ = folder_.file("users");
};

TEST_F(UsersTest, APasswordIsRightForItsUserAlone) {
  Users users(file_);
  EXPECT_EQ(users.verify("joe", "secret"), Verdict::wrong) << "without a file there is nobody";
  add("joe", "secret");
  add("ann", "geheim");
  EXPECT_EQ(users.verify("joe", "secret"), Verdict::right);
  EXPECT_EQ(users.verify("joe", "geheim"), Verdict::wrong);
  EXPECT_EQ(users.verify("nobody", "secret"), Verdict::wrong);
  EXPECT_EQ(users.verify("joe", ""), Verdict::wrong);
  EXPECT_EQ(users.verify("joe", "\x01"), Verdict::wrong);
}

TEST_F(UsersTest, AChangeCountsAtOnceAndChangesTheVersion) {
  add("joe", "secret");
  Users users(file_);
  EXPECT_EQ(users.verify("joe", "secret"), Verdict::right);
  const auto before = users.version();
  add("joe", "new one");
  EXPECT_NE(users.version(), before);
  EXPECT_EQ(users.verify("joe", "secret"), Verdict::wrong);
  EXPECT_EQ(users.verify("joe", "new one"), Verdict::right);
}

TEST_F(UsersTest, AFaultyFileLeavesTheUsersAsTheyWere) {
  add("joe", "secret");
  Users users(file_);
  EXPECT_EQ(users.verify("joe", "secret"), Verdict::right);
  std::ofstream(file_) << "nonsense\n";
  EXPECT_EQ(users.verify("joe", "secret"), Verdict::right);
  EXPECT_EQ(users.verify("ann", "secret"), Verdict::unavailable) << "who may be in the new file";
  ASSERT_TRUE(users.fault().has_value());
  EXPECT_THAT(users.fault()->text, HasSubstr(file_ + ":1: "));
}

TEST_F(UsersTest, TheFileIsItsOwnersAlone) {
  add("joe", "secret");
  struct stat facts {};
  ASSERT_EQ(::stat(file_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
}

TEST_F(UsersTest, AFailedChangeLeavesTheFileAlone) {
  add("joe", "secret");
  const auto changed = change_users(file_, [](std::vector<User>& all) -> Result<void> {
    all.clear();
    return fail(Fault::not_found, "no");
  });
  EXPECT_FALSE(changed.has_value());
  EXPECT_THAT(read_users(file_).value(), SizeIs(1));
}

TEST_F(UsersTest, ChangesWaitForEachOther) {
  const auto verifier = some_verifier();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      auto changed = change_users(file_, [&](std::vector<User>& all) -> Result<void> {
        all.push_back({"user" + std::to_string(i), "$y$x", verifier});
        return {};
      });
      EXPECT_TRUE(changed.has_value());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(read_users(file_).value(), SizeIs(8));
}

TEST_F(UsersTest, AnUnknownNameHasAVerifierToo) {
  add("joe", "secret");
  Users users(file_);
  EXPECT_EQ(users.scram("joe").iterations, kScramIterations);
  const auto made_up = users.scram("nobody");
  EXPECT_EQ(made_up, users.scram("nobody")) << "the same each time";
  EXPECT_NE(made_up.salt, users.scram("nobody else").salt);
  EXPECT_EQ(made_up.iterations, kScramIterations);
  EXPECT_EQ(made_up.salt.size(), users.scram("joe").salt.size());
}

}  // namespace
}  // namespace hikyaku::io
