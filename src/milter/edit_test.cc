// Edits, the reply of a filter, headers, body and envelope: what the filter asks for, and what Postfix makes
// of it.
#include "milter/edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "mail/path.h"
#include "milter/envelope_edits.h"
#include "milter/header_list.h"
#include "milter/smtp_reply.h"

namespace hikyaku::milter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kHeader =
    "Received: ours\r\nReceived: (before)\r\nFrom: a@a.example\r\nX-A: one\r\nSubject:  two "
    "blanks\r\nX-B:tight\r\n"
    "x-a: two\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\nX-Folded: one\r\n two\r\n\tthree\r\nX-A:\tthree\r\n"
    "Message-Id: <1@a.example>\r\n";

HeaderList edited(const std::vector<Edit>& edits, LeadingSpace space) {
  HeaderList list(kHeader, HeaderList::First::own_received);
  for (const auto& edit : edits) EXPECT_TRUE(list.apply(edit, space));
  return list;
}

struct HeaderCase {
  const char* name;
  LeadingSpace space;
  std::vector<Edit> edits;
  std::string result;
};
struct SeenCase {
  LeadingSpace space;
  std::string name, value;
};
struct SecondCase {
  const char* name;
  std::vector<Edit> edits;
  std::string names;
};
struct BodyCase {
  const char* name;
  std::vector<std::string> chunks;
  std::string result;
};

#define UNBRACKETED(...) __VA_ARGS__
#define HEADER_CASE(name, space, edits, result) \
  HeaderCase{#name, LeadingSpace::space, {UNBRACKETED edits}, result},
#define SEEN_CASE(space, name, value)
#define SECOND_CASE(name, edits, names)
#define BODY_CASE(name, chunks, result)
#define ENVELOPE_CASE(name, edits, envelope)
const HeaderCase kHeaderCases[] = {
#include "milter/postfix_edits.inc"
};
#undef HEADER_CASE
#undef SEEN_CASE
#define HEADER_CASE(name, space, edits, result)
#define SEEN_CASE(space, name, value) {LeadingSpace::space, name, value},
const SeenCase kSeenCases[] = {
#include "milter/postfix_edits.inc"
};
#undef SEEN_CASE
#undef SECOND_CASE
#define SEEN_CASE(space, name, value)
#define SECOND_CASE(name, edits, names) {#name, {UNBRACKETED edits}, names},
const SecondCase kSecondCases[] = {
#include "milter/postfix_edits.inc"
};
#undef SECOND_CASE
#undef BODY_CASE
#define SECOND_CASE(name, edits, names)
#define BODY_CASE(name, chunks, result) {#name, {UNBRACKETED chunks}, result},
const BodyCase kBodyCases[] = {
#include "milter/postfix_edits.inc"
};

class PostfixHeaders : public testing::TestWithParam<HeaderCase> {};
TEST_P(PostfixHeaders, HasTheSame) {
  EXPECT_EQ(edited(GetParam().edits, GetParam().space).section(), GetParam().result);
}
INSTANTIATE_TEST_SUITE_P(, PostfixHeaders, testing::ValuesIn(kHeaderCases),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(PostfixFilters, SeeAHeaderWithoutExactlyOneBlankOrVerbatimAndFoldsAsLf) {
  for (const auto space : {LeadingSpace::taken_off, LeadingSpace::kept}) {
    const auto list = edited({}, space);
    std::vector<FilterHeader> seen, expected;
    for (std::size_t i = 0; i < list.fields().size(); ++i)
      if (list.visible(i)) seen.push_back(filter_header(list.fields()[i], space));
    for (const auto& row : kSeenCases)
      if (row.space == space) expected.push_back({row.name, row.value});
    EXPECT_EQ(seen, expected);
  }
}

class PostfixNextFilter : public testing::TestWithParam<SecondCase> {};
TEST_P(PostfixNextFilter, SeesTheSame) {
  const auto list = edited(GetParam().edits, LeadingSpace::taken_off);
  std::string names;
  for (std::size_t i = 0; i < list.fields().size(); ++i) {
    if (!list.visible(i)) continue;
    if (!names.empty()) names += '\n';
    names += filter_header(list.fields()[i], LeadingSpace::taken_off).name;
  }
  EXPECT_EQ(names, GetParam().names);
}
INSTANTIATE_TEST_SUITE_P(, PostfixNextFilter, testing::ValuesIn(kSecondCases),
                         [](const auto& row) { return std::string(row.param.name); });

class PostfixBody : public testing::TestWithParam<BodyCase> {};
TEST_P(PostfixBody, HasTheSame) {
  std::string body;
  BodyReplacement replacement;
  for (const auto& chunk : GetParam().chunks) replacement.append(chunk, body);
  replacement.finish(body);
  EXPECT_EQ(body, GetParam().result);
}
INSTANTIATE_TEST_SUITE_P(, PostfixBody, testing::ValuesIn(kBodyCases),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(HeaderList, ABareCrOfAFilterDoesNotReachTheMail) {
  HeaderList list;
  list.add({"X-New", "a\r\n\tb\rc"}, LeadingSpace::taken_off);
  EXPECT_EQ(list.section(), "X-New: a\r\n\tb c\r\n");
}

TEST(HeaderList, AnEditOfSomethingElseIsNotItsOwn) {
  HeaderList list;
  EXPECT_FALSE(list.apply(Quarantine{"x"}, LeadingSpace::kept));
}

const Edit kEdits[] = {AddHeader{"X-A", "v"},
                       AddHeader{"X-A", ""},
                       InsertHeader{0, "X-A", "a\n b"},
                       ChangeHeader{3, "X-A", ""},
                       ChangeSender{"<a@b>", ""},
                       ChangeSender{"<a@b>", "RET=HDRS"},
                       AddRecipient{"<a@b>", {}},
                       AddRecipient{"<a@b>", "NOTIFY=NEVER"},
                       AddRecipient{"<a@b>", ""},
                       RemoveRecipient{"<a@b>"},
                       ReplaceBody{std::string("a\0b", 3)},
                       ReplaceBody{""},
                       Quarantine{"virus"}};

TEST(Edits, WhatIsWrittenIsReadBack) {
  for (const auto& edit : kEdits) {
    std::string out;
    append_edit(out, edit);
    PacketReader reader;
    reader.feed(out);
    const auto packet = reader.next();
    ASSERT_TRUE(packet && *packet);
    const auto response = response_of((*packet)->kind);
    ASSERT_TRUE(response && is_edit(*response)) << out;
    EXPECT_EQ(*response, kind(edit));
    EXPECT_EQ(parse_edit(*response, (*packet)->data).value(), edit) << out;
  }
}

TEST(Edits, EachNeedsItsAction) {
  std::vector<std::uint32_t> actions;
  for (const auto& edit : kEdits) actions.push_back(required_action(edit));
  EXPECT_THAT(actions, ElementsAre(0x1, 0x1, 0x1, 0x10, 0x40, 0x40, 0x4, 0x80, 0x80, 0x8, 0x2, 0x2, 0x20));
}

TEST(Edits, MalformedOnesNameTheOctet) {
  EXPECT_EQ(parse_edit(Response::add_header, std::string_view("X-A\0v", 5)).error().text,
            "add header, octet 4: a string without the NUL that ends it");
  EXPECT_EQ(parse_edit(Response::add_header, std::string_view("X-A\0v\0w", 7)).error().text,
            "add header, octet 6: 1 octets too many, from 'w'");
  for (const std::string name : {"X A", "X A:", "X\n", "X: \n", "X\x7f"})
    EXPECT_FALSE(parse_edit(Response::add_header, name + std::string("\0v\0", 3))) << name;
  EXPECT_FALSE(parse_edit(Response::go_on, ""));
}

TEST(Edits, WhatPostfixTakesIsTaken) {
  EXPECT_EQ(parse_edit(Response::insert_header, std::string_view("\xff\xff\xff\xffX\0v\0", 8)).value(),
            Edit(InsertHeader{0xffffffff, "X", "v"}));
  for (const std::string name : {"", "X:", "X: A"})
    EXPECT_EQ(parse_edit(Response::add_header, name + std::string("\0v\0", 3)).value(),
              Edit(AddHeader{name, "v"}));
}

TEST(Edits, AQuarantineWithoutItsNulIsRead) {
  EXPECT_EQ(parse_edit(Response::quarantine, "why").value(), Edit(Quarantine{"why"}));
}

// ---- replies ----

struct ReplyCase {
  const char* name;
  std::string data;
  SmtpReply reply;  ///< code 0: malformed
};
class Replycode : public testing::TestWithParam<ReplyCase> {};
TEST_P(Replycode, IsRead) {
  const auto reply = SmtpReply::parse(GetParam().data);
  ASSERT_EQ(reply.has_value(), GetParam().reply.code != 0) << (reply ? "" : reply.error().text);
  if (reply) EXPECT_EQ(*reply, GetParam().reply);
}
INSTANTIATE_TEST_SUITE_P(
    , Replycode,
    testing::Values(
        ReplyCase{"with_an_enhanced_code", std::string("550 5.7.1 no\0", 13), {550, "5.7.1", "no"}},
        ReplyCase{"without_one", "450 try later", {450, "", "try later"}},
        ReplyCase{"without_the_nul", "550 no", {550, "", "no"}},
        ReplyCase{"a_code_and_a_blank", "550 ", {550, "", ""}}, ReplyCase{"a_code_alone", "550", {}},
        ReplyCase{"a_code_alone_on_the_last_line", "550-a\r\n550", {}},
        ReplyCase{"an_enhanced_code_alone", "550 5.1.1", {550, "5.1.1", ""}},
        ReplyCase{"a_doubled_percent_is_one", "550 100%% sure", {550, "", "100% sure"}},
        ReplyCase{"a_single_percent_is_dropped", "550 a%sb%", {550, "", "asb"}},
        ReplyCase{"several_lines", "451-4.7.1 a\r\n451-4.7.1 b\r\n451 4.7.1 c", {451, "4.7.1", "a\nb\nc"}},
        ReplyCase{"lines_that_end_in_lf", "550-5.7.1 a\n550 5.7.1 b\n", {550, "5.7.1", "a\nb"}},
        ReplyCase{"a_number_that_is_no_code", "550 1.2.3.4 is bad", {550, "", "1.2.3.4 is bad"}},
        ReplyCase{"no_2xx", "250 2.0.0 ok", {}}, ReplyCase{"no_3xx", "354 go on", {}},
        ReplyCase{"no_digits", "5x0 no", {}}, ReplyCase{"too_short", "55", {}}, ReplyCase{"empty", "", {}},
        ReplyCase{"no_blank_behind_the_code", "5500 no", {}},
        ReplyCase{"an_enhanced_code_of_another_class", "550 4.7.1 no", {}},
        ReplyCase{"another_code_on_another_line", "550-a\r\n551 b", {}},
        ReplyCase{"a_line_of_2xx", "550-a\r\n250 b", {}},
        ReplyCase{"a_line_without_a_code", "550-a\r\nb", {}},
        ReplyCase{"a_line_of_981_octets", "550 " + std::string(977, 'x'), {}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Replycodes, MoreThan32LinesAreRefused) {
  std::string lines;
  for (int i = 0; i < 31; ++i) lines += "550-a\r\n";
  EXPECT_TRUE(SmtpReply::parse(lines + "550 a"));
  EXPECT_FALSE(SmtpReply::parse(lines + "550-a\r\n550 a"));
}

TEST(Replycodes, WhatIsWrittenIsReadBack) {
  const SmtpReply reply{451, "4.7.1", "100% full\nreally"};
  EXPECT_EQ(reply.data(), "451-4.7.1 100%% full\r\n451 4.7.1 really");
  EXPECT_EQ(SmtpReply::parse(reply.data()).value(), reply);
  EXPECT_EQ(reply.line(), "451 4.7.1 100% full really");
}

// ---- the envelope ----

struct EnvelopeCase {
  const char* name;
  std::vector<Edit> edits;
  std::vector<std::string> envelope;  ///< the sender, and the recipients by name
};
#undef BODY_CASE
#undef ENVELOPE_CASE
#define BODY_CASE(name, chunks, result)
#define ENVELOPE_CASE(name, edits, envelope) {#name, {UNBRACKETED edits}, {UNBRACKETED envelope}},
const EnvelopeCase kEnvelopeCases[] = {
#include "milter/postfix_edits.inc"
};

EnvelopeEdits envelope() {
  EnvelopeEdits edits;
  edits.sender = mail::Address::parse("a@a.example").value();
  for (const auto* one : {"b@b.example", "e@B.EXAMPLE", "\"d d\"@b.example", "F@b.example"})
    edits.recipients.push_back({mail::Address::parse(one).value(), ""});
  return edits;
}

class PostfixEnvelope : public testing::TestWithParam<EnvelopeCase> {};
TEST_P(PostfixEnvelope, IsTheSame) {
  auto edited = envelope();
  for (const auto& edit : GetParam().edits) EXPECT_TRUE(edited.apply(edit));
  std::vector<std::string> texts;
  for (const auto& one : edited.recipients) texts.push_back(mail::Path(one.address).text());
  std::ranges::sort(texts);
  texts.insert(texts.begin(), mail::Path(edited.sender).text());
  EXPECT_EQ(texts, GetParam().envelope);
}
INSTANTIATE_TEST_SUITE_P(, PostfixEnvelope, testing::ValuesIn(kEnvelopeCases),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(EnvelopeEdits, ParametersAreKept) {
  auto edits = envelope();
  EXPECT_EQ(edits.apply(ChangeSender{"<c@c.example>", "RET=HDRS"}).value(), EnvelopeEdits::Outcome::done);
  EXPECT_EQ(edits.sender_parameters, "RET=HDRS");
  EXPECT_TRUE(edits.apply(ChangeSender{"<>", ""}));
  EXPECT_EQ(edits.sender_parameters, "") << "of the last sender";
  EXPECT_TRUE(edits.apply(AddRecipient{"<n@n.example>", "NOTIFY=NEVER"}));
  EXPECT_EQ(edits.recipients.back().parameters, "NOTIFY=NEVER");
}

TEST(EnvelopeEdits, WhatDoesNothingSaysSo) {
  auto edits = envelope();
  EXPECT_EQ(edits.apply(AddRecipient{"<>", {}}).value(), EnvelopeEdits::Outcome::nothing);
  EXPECT_EQ(edits.apply(RemoveRecipient{"<x@b.example>"}).value(), EnvelopeEdits::Outcome::nothing);
  EXPECT_EQ(edits.apply(AddHeader{"X", ""}).value(), EnvelopeEdits::Outcome::not_mine);
}

TEST(EnvelopeEdits, TextThatIsNoAddressIsRefusedAndEscaped) {
  auto edits = envelope();
  EXPECT_THAT(edits.apply(AddRecipient{"<a\n@b>", {}}).error().text, HasSubstr("'<a\\x0a@b>'"));
  EXPECT_EQ(edits.recipients.size(), 4U);
}

}  // namespace
}  // namespace hikyaku::milter
