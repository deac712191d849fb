#include "io/dkim_check.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace hikyaku::io {
namespace {

using mail::DkimVerdict;
using Result = DkimVerdict::Result;
using Status = DnsAnswer::Status;

// Signed by tests/e2e/dkim_signer.py: relaxed/relaxed with ed25519-sha256, and simple/simple with rsa-sha256.
constexpr std::string_view kEd25519Key = "v=DKIM1; k=ed25519; p=UD9Mk3oAT41/h87FP73RTxir1b/p+wme0dMXAcWYD1o=";
constexpr std::string_view kEd25519Signature =
    " v=1; a=ed25519-sha256; c=relaxed/relaxed; d=a.example; s=sel;\n\th=from:subject; bh=8M+MrSS7sX"
    "slE3/S+FdKmOoavTAq1UbATNvBe5HPe4I=;\n\tb=A/6TCpZHx5Wjp7qlnCERVwmnf3sAnUOPuCacGYS32jiYh+3FcQprBY"
    "42O0PUG0V9CB7jYOgyIO3i4QP4eV81Ag==";
constexpr std::string_view kRsaKey =
    "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzUbkcJfebA93pVs5mlhqcV/LBlK3i+tXm"
    "Bu2YiaftKTcTxB/TbkmXKBSueC7hhOysi3UsvMt38JTqgHfSDUAyTezBFCAhlupbljw3Fw9JBcdURbgkjdL6SV4oUCOk1FU"
    "wdAVRZJvo2KTlWh8MKDU4T/PifeOUEGeJ2bndXeiYcEX1hx1nzsyROijbvXLtwOV/jVYHjREiwVukIWFAHTDn9f9mINlPCz"
    "IXLecl4yW7H4PKsBh669sZOmdcOqRe6uQyfsaN4aVRd6NKq+qzI6/I7+dYU/SEDrpGtBM6RuJYq62PLQGsJLdG8hJxaKMpc"
    "KGnUfa6eHJ1Jwwi9EoFQt8GwIDAQAB";
constexpr std::string_view kRsaSignature =
    " v=1; a=rsa-sha256; c=simple/simple; d=a.example; s=sel;\n\th=from:subject; bh=bdAczGTqKkJdFlfP"
    "UhlHaXEKgXDA0bZh9bwCKdA3OQ8=;\n\tb=T2pi88XqjTGKREfx80TDFSCU6DQjL5MtWrkVmfs0WILRIrU3Kyv28JQGOb/J"
    "P3ZTpJFMIN0NSeUJCKBTupM3wRyOQqq0otaCFaHsW4ynkNfQ8ezH7paxlHHO5bmwge3wY0Qnbll03DIrj3t/B0xEEpIz4XB"
    "Jyhk+TpL09u+arKfesKaWWVMDIeAxYYgdaDZmDbYGmFYOJ3A3OukgQySJps05Wth2JNMLDzaS+G4D7g6aldGMUx7CaA7ac9"
    "cI7ht2GTK1skNlfZpHH/4RboktiX1n2KwyZDQABo8/AH3I8VLMTbCRDe61V8ObYO70zf0ByXhNV62WvJR87U23JwYjvA==";
constexpr std::string_view kSubject = "  two blanks\n  and a fold";
constexpr std::string_view kBody = "a  body \r\n\r\n";

/// The message, with these signatures in front of it.
void hand_in(DkimCheck& check, const std::vector<std::string_view>& signatures,
             std::string_view subject = kSubject, std::string_view body = kBody) {
  for (const auto signature : signatures) check.header("DKIM-Signature", signature);
  check.header("From", " joe@a.example");
  check.header("Subject", subject);
  for (std::size_t i = 0; i < body.size(); i += 3) check.body(body.substr(i, 3));
}

/// What it comes to where the DNS says this of all keys.
DkimVerdict judged(DkimCheck& check, const DnsAnswer& answer) {
  DnsFacts facts;
  for (const auto& key : check.keys()) facts.add(key, answer);
  return check.finish(facts);
}

DnsAnswer found(std::string_view record) { return {Status::found, {std::string(record)}}; }

TEST(DkimCheck, PassesWhatWasSigned) {
  DkimCheck rsa, ed25519;
  hand_in(rsa, {kRsaSignature});
  EXPECT_EQ(judged(rsa, found(kRsaKey)), (DkimVerdict{Result::pass, "a.example"}));
  hand_in(ed25519, {kEd25519Signature});
  EXPECT_EQ(judged(ed25519, found(kEd25519Key)), (DkimVerdict{Result::pass, "a.example"}));
}

TEST(DkimCheck, NamesTheKeysThatItWants) {
  DkimCheck check;
  hand_in(check, {kRsaSignature, kEd25519Signature});
  EXPECT_EQ(check.keys(), (std::vector<DnsQuestion>{{"sel._domainkey.a.example", DnsQuestion::Type::txt}}));
}

TEST(DkimCheck, FailsWhatWasChanged) {
  DkimCheck body, subject, blank;
  hand_in(body, {kRsaSignature}, kSubject, "another body\r\n");
  EXPECT_EQ(judged(body, found(kRsaKey)).result, Result::fail);
  hand_in(subject, {kRsaSignature}, "  two blank\n  and a fold");
  EXPECT_EQ(judged(subject, found(kRsaKey)).result, Result::fail);
  hand_in(blank, {kRsaSignature}, " two blanks\n  and a fold");
  EXPECT_EQ(judged(blank, found(kRsaKey)).result, Result::fail) << "simple minds each blank";
}

TEST(DkimCheck, OneGoodSignatureIsEnough) {
  DkimCheck check;
  std::string bad(kRsaSignature);
  bad.replace(bad.find("b=T2"), 4, "b=U2");
  hand_in(check, {bad, kRsaSignature});
  EXPECT_EQ(judged(check, found(kRsaKey)).result, Result::pass);
}

TEST(DkimCheck, TellsWhyItCanNotVerify) {
  const auto result = [](const DnsAnswer& answer) {
    DkimCheck check;
    hand_in(check, {kRsaSignature});
    return judged(check, answer).result;
  };
  EXPECT_EQ(result({Status::none, {}}), Result::permerror);
  EXPECT_EQ(result({Status::temporary, {}}), Result::temperror);
  EXPECT_EQ(result({Status::found, {std::string(kRsaKey), std::string(kRsaKey)}}), Result::neutral);
  EXPECT_EQ(result(found("v=DKIM1; p=%%")), Result::neutral);
  EXPECT_EQ(result(found("v=DKIM1; p=")), Result::fail) << "revoked";
  EXPECT_EQ(result(found(std::string(20'000, 'x'))), Result::neutral);
  EXPECT_EQ(result(found(std::string("v=DKIM1; p=A\0A", 14))), Result::neutral);
  EXPECT_EQ(result(found(kEd25519Key)), Result::neutral);
  DkimCheck unanswered;
  hand_in(unanswered, {kRsaSignature});
  EXPECT_EQ(unanswered.finish(DnsFacts()).result, Result::temperror);
}

TEST(DkimCheck, SaysThatNothingIsSigned) {
  DkimCheck check;
  hand_in(check, {});
  EXPECT_TRUE(check.keys().empty());
  EXPECT_EQ(check.finish(DnsFacts()), DkimVerdict());
}

TEST(DkimCheck, LooksAtNoMoreThanItSays) {
  DkimCheck many;
  std::vector<std::string> signatures;
  for (std::size_t i = 0; i <= DkimCheck::kMostSignatures; ++i) {
    std::string one(kRsaSignature);
    signatures.push_back(one.replace(one.find("s=sel"), 5, "s=s" + std::to_string(i)));
  }
  hand_in(many, {signatures.begin(), signatures.end()});
  EXPECT_EQ(many.keys().size(), DkimCheck::kMostSignatures);
  DkimCheck large;
  large.header("X-Large", std::string(DkimCheck::kHeaderLimit, 'x'));
  hand_in(large, {kRsaSignature});
  EXPECT_TRUE(large.keys().empty());
  EXPECT_EQ(large.finish(DnsFacts()).result, Result::temperror);
}

TEST(DkimCheck, LeavesOutWhatIsNoField) {
  DkimCheck check;
  check.header("M\xc3\xbcll", " x");
  check.header("X-Nul", std::string(" a\0b", 4));
  hand_in(check, {kRsaSignature});
  EXPECT_EQ(judged(check, found(kRsaKey)).result, Result::pass);
}

}  // namespace
}  // namespace hikyaku::io
