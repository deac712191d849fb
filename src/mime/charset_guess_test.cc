#include "mime/charset_guess.h"

#include <gtest/gtest.h>

#include <string>

#include "mime/text_encoder.h"

namespace hikyaku::mime {
namespace {

// Short strings of mail: subjects, names, file names; among them half-width kana, where Shift_JIS and EUC-JP
// are mistaken for each other most easily.
constexpr std::string_view kTexts[] = {
    "会議",
    "資料",
    "日本語",
    "件名",
    "請求書",
    "担当様",
    "ご確認ください",
    "お世話になっております",
    "Re: 打ち合わせの件",
    "【重要】お知らせ",
    "テスト",
    "メール",
    "添付ファイル",
    "営業本部",
    "総務 経理",
    "株式会社サンプル",
    "見積書_2024.pdf",
    "新しい文書.docx",
    "ﾃｽﾄ",
    "ｱｲｳｴｵ",
    "ﾔﾏﾀﾞ ﾀﾛｳ",
    "ｶﾌﾞｼｷｶﾞｲｼｬ",
    "ﾒｰﾙﾃｽﾄ",
    "ﾃﾞｰﾀﾌｧｲﾙ",
    "ﾆﾎﾝ",
    "ｺﾝﾋﾟｭｰﾀ",
    "ﾌﾘｺﾐ ｶｸﾆﾝ",
    "ｻﾄｳ ﾊﾅｺ",
    "ﾊﾞｯｸｱｯﾌﾟ",
    "ｼｽﾃﾑ",
    "ﾌﾟﾛｸﾞﾗﾑの件",
    "ﾒｰﾙの設定",
    "①会議のご案内",
    "髙橋様",
    "東京都千代田区",
    "１２月３日",
    "ＡＢＣ",
    "ありがとう",
    "さくら",
    "明日の予定",
    "振込のご案内",
    "緊急連絡",
    "第１回　委員会",
    "出張報告",
    "議事録",
    "こんにちは",
    "了解",
    "質問",
    "御中",
    "写真",
};

class GuessOfShortText : public testing::TestWithParam<std::string_view> {};

TEST_P(GuessOfShortText, is_right) {
  const auto charset = charset_by_label(GetParam());
  ASSERT_TRUE(charset);
  for (const auto text : kTexts) {
    const auto encoded = encode_octets(*charset, text);
    ASSERT_TRUE(encoded);
    const auto guess = guess_charset(encoded->octets);
    EXPECT_EQ(guess.charset.name, charset->name == "cp50221" ? "iso-2022-jp" : charset->name)
        << text << ": " << guess.confidence << " " << guess.reason;
    EXPECT_GT(guess.confidence, 0.5) << text << ": " << guess.reason;
  }
}

INSTANTIATE_TEST_SUITE_P(, GuessOfShortText, testing::Values("utf-8", "shift_jis", "euc-jp", "cp50221"),
                         [](const auto& row) {
                           std::string name;
                           for (const char c : row.param) name += c == '-' ? '_' : c;
                           return name;
                         });

struct GuessCase {
  const char* name;
  std::string_view octets, charset;
  double least, most;  ///< confidence
};
class Guess : public testing::TestWithParam<GuessCase> {};

TEST_P(Guess, has_its_confidence) {
  const auto guess = guess_charset(GetParam().octets);
  EXPECT_EQ(guess.charset.name, GetParam().charset) << guess.reason;
  EXPECT_GE(guess.confidence, GetParam().least) << guess.reason;
  EXPECT_LE(guess.confidence, GetParam().most) << guess.reason;
  EXPECT_NE(guess.reason, "");
}

INSTANTIATE_TEST_SUITE_P(
    , Guess,
    testing::Values(GuessCase{"ascii", "plain text", "us-ascii", 1, 1},
                    GuessCase{"nothing", "", "us-ascii", 1, 1},
                    GuessCase{"escapes", "\x1b$BF|\x1b(B", "iso-2022-jp", 1, 1},
                    GuessCase{"lost_escapes", "$B$3$s(B", "iso-2022-jp", 0.8, 0.95},
                    GuessCase{"terminal_escapes", "\x1b[1mbold\x1b[0m", "us-ascii", 1, 1},
                    GuessCase{"accent_in_utf_8", "caf\xc3\xa9", "utf-8", 0.6, 1},
                    GuessCase{"emoji_in_utf_8", "\xf0\x9f\x98\x80", "utf-8", 0.6, 1},
                    GuessCase{"broken_utf_8",
                              "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe3\x83\xa1\xe3", "utf-8",
                              0.6, 1},
                    GuessCase{"russian",
                              "\xcf\xf0\xe8\xe2\xe5\xf2, \xea\xe0\xea \xe4\xe5\xeb\xe0? "
                              "\xd1\xef\xe0\xf1\xe8\xe1\xee \xe7\xe0 \xef\xe8\xf1\xfc\xec\xee",
                              "windows-1251", 0.3, 0.6},
                    GuessCase{"noise", "\x81\xff\x8d\xfd\x90 \xff", "windows-1252", 0, 0}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(GuessOfMuch, looks_at_the_beginning_alone) {
  std::string text;
  while (text.size() < 3'000'000) text += "日本語";
  EXPECT_EQ(guess_charset(text).charset.name, "utf-8");
  EXPECT_EQ(guess_charset("a" + text).charset.name, "utf-8");
  EXPECT_EQ(guess_charset("ab" + text).charset.name, "utf-8");
}

}  // namespace
}  // namespace hikyaku::mime
