#include "mime/script_likelihood.h"

#include <algorithm>
#include <string>

#include "mime/japanese_cells.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

// Kanji that mail is full of: subjects, names, places, dates. Their order does not matter.
constexpr std::u32string_view kCommonKanji =
    U"一二三四五六七八九十百千万円年月日時分秒曜週前後午今明昨来毎上中下左右内外東西南北"
    U"人名男女子父母兄弟姉妹友達様方者私自他皆家族主客社員長部課係室店館所場地区市町村県府都国世界"
    U"本語文字書読話言聞見行来出入帰送受付届着発開閉始終了立休止動働走歩会合同議論題問答案件名"
    U"資料添付連絡確認報告相談質問回答依頼承知了解返信転送通知案内招待参加申込登録予約変更取消期限締切"
    U"請求見積注文契約支払金額税込計算振込銀行口座番号株式有限公司商品価格販売購入在庫配送便荷物"
    U"新旧古高低大小多少長短早遅速強弱重軽安良悪好楽美白黒赤青"
    U"山川田木林森石水火土天空海島花草犬猫鳥魚米車電話気手足目耳口頭体心力"
    U"学校生徒教育研究室大学院講義試験科科目技術情報処理設計画開発運用管理保守障害対応作業完成検査試"
    U"東京大阪名古屋横浜福岡札幌仙台広島神戸京都千葉埼玉静岡新潟"
    U"佐藤鈴高髙﨑橋伊渡辺中小林加吉山斎松井木清村崎原岡谷太郎次一美恵和正義健"
    U"世話様御願致申上下失礼以上宜拝啓敬具関係各位先日本件当方弊貴社担当者宛差出人件"
    U"使用方法必要可能場合全部最初次第度回目約束感謝無料限定特別記念品特集募集求決定実施開催予定"
    U"事物間度性的化第不無非未再最全半両各毎何誰思考知感意味理由原因結果問題解決重要緊急至急"
    U"食飲料理酒茶店味買売旅行宿泊駅道路線乗車券切符空港飛機写真映画音楽番組放送新聞雑誌"
    U"進捗状況速達到着備考訂正改善更新追加削除修正版訪問面談勤怠休暇届申請承認許可証明類印刷複写封筒郵便"
    U"仕様単位数量率比較表図形式模構築設置配線機器械装部材質項基準規則条権利益損失負債資源環境共有保存"
    U"読込画像音声動検索選択表示非閉起停再接続切断回線無効有値初期標準詳細簡易優先順列行位置名称未済"
    U"医薬病院治療健康保険政治経済法律政府選挙民主共産業界工農林水産財務総務人事営業企画広報";

enum class Kind : unsigned char {
  ascii,
  hiragana,
  katakana,
  half_kana,
  mark,
  full_latin,
  common,
  level_1,
  level_2,
  user,
  latin,
  script,
  rare,
  bad
};

// Natural logarithms of mass / members: what mail and bulletins have, in round numbers.
double cost_of(Kind kind) {
  switch (kind) {
    case Kind::ascii:
      return 3.0;
    case Kind::hiragana:
      return 5.2;  // 0.45 of 83
    case Kind::katakana:
      return 6.4;  // 0.14 of 86
    case Kind::mark:
      return 8.0;  // 0.05 of 150
    case Kind::full_latin:
      return 8.0;
    case Kind::common:
      return 7.3;  // 0.30 of 450
    case Kind::level_1:
      return 10.2;  // 0.09 of 2500
    case Kind::level_2:
      return 13.0;
    case Kind::half_kana:
      return 7.6;  // the first of a run: 0.03 of 63
    case Kind::latin:
      return 10.0;
    case Kind::script:
      return 9.0;
    case Kind::user:
      return 16.0;
    case Kind::rare:
      return 13.0;
    case Kind::bad:
      break;
  }
  return 30.0;
}

bool common(char32_t character) {
  static const std::u32string sorted = [] {
    std::u32string all(kCommonKanji);
    std::sort(all.begin(), all.end());
    return all;
  }();
  return std::binary_search(sorted.begin(), sorted.end(), character);
}

Kind ideograph(char32_t character) {
  if (common(character)) return Kind::common;
  const auto cells = JapaneseCells::get();
  const unsigned row = cells ? (*cells)->place_in_jis_x_0208(character) >> 8U : 0U;
  return row >= 16 && row < 48 ? Kind::level_1 : Kind::level_2;
}

Kind kind_of(char32_t c) {
  if (c < 0x80) return Kind::ascii;
  if (c < 0xa0 || c == kReplacement) return Kind::bad;
  if (c < 0x180) return Kind::latin;
  if (c >= 0x3041 && c <= 0x3096) return Kind::hiragana;
  if ((c >= 0x30a1 && c <= 0x30f6) || c == 0x30fc) return Kind::katakana;
  if (c >= 0xff61 && c <= 0xff9f) return Kind::half_kana;
  if ((c >= 0x3000 && c <= 0x303f) || c == 0x30fb || c == 0x2026 || (c >= 0x2460 && c <= 0x2473))
    return Kind::mark;
  if ((c >= 0xff10 && c <= 0xff19) || (c >= 0xff21 && c <= 0xff5a)) return Kind::full_latin;
  if (c >= 0xff01 && c <= 0xff5e) return Kind::mark;
  if (c >= 0x4e00 && c <= 0x9fff) return ideograph(c);
  if ((c >= 0x370 && c <= 0x5ff) || (c >= 0x600 && c <= 0x6ff) || (c >= 0xac00 && c <= 0xd7a3))
    return Kind::script;
  if (c >= 0x2010 && c <= 0x2030) return Kind::latin;
  if (c >= 0x1f300 && c <= 0x1faff) return Kind::script;
  if (c >= 0xe000 && c <= 0xf8ff) return Kind::user;
  return Kind::rare;
}

/// Small a, i, u, e, o, ya, yu, yo: they stand behind few kana.
double small_kana_cost(char32_t before, char32_t c) {
  const bool marked = before == 0xff9e || before == 0xff9f;
  constexpr std::u32string_view kBeforeVowels = U"ﾌﾃｳｼﾁﾄﾂ", kBeforeY = U"ｷｼﾁﾆﾋﾐﾘ";
  const auto& likely = c <= 0xff6b ? kBeforeVowels : kBeforeY;
  return likely.find(before) != std::u32string_view::npos ? 3.6 : marked ? 4.2 : 9.0;
}

/// A half-width kana behind another, or the first of a run (`before` is 0): marks stand where they can, small
/// kana behind a kana, and frequent kana are frequent.
/// `letter`: an ASCII letter is before the run.
double half_kana_cost(char32_t before, char32_t c, bool letter) {
  const auto full = before ? full_width_kana(before) : 0;
  if (c == 0xff9e || c == 0xff9f) return voiced_kana(full, c) ? 2.2 : 14.0;
  if (c == 0xff61 || c == 0xff64 || c == 0xff65) return before ? 6.5 : 9.5;
  if (c == 0xff62 || c == 0xff63 || c == 0xff66)
    return 9.0;  // brackets, and WO, which katakana has no use for
  const bool behind_alone =
      (c >= 0xff67 && c <= 0xff6f) || c == 0xff70 || c == 0xff9d;  // small kana, long mark, N
  if (!before) return (behind_alone ? 11.0 : 7.6) + (letter ? 2.5 : 0.0);
  if (c >= 0xff67 && c <= 0xff6e) return small_kana_cost(before, c);
  constexpr std::u32string_view kRare = U"ﾇﾈﾍﾎﾑﾓﾕﾖﾜﾔｿｹ";
  if (kRare.find(c) != std::u32string_view::npos) return 5.0;
  return c == 0xff9d || c == 0xff70 ? 2.8 : 3.8;
}

}  // namespace

ScriptLikelihood script_likelihood(std::string_view utf8) {
  ScriptLikelihood found;
  char32_t kana_before = 0;
  bool letter = false;
  while (!utf8.empty()) {
    const auto c = take_utf8(utf8);
    const auto kind = kind_of(c);
    found.cost += kind == Kind::half_kana ? half_kana_cost(kana_before, c, letter) : cost_of(kind);
    letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    kana_before = kind == Kind::half_kana ? c : 0;
    auto& count = kind == Kind::ascii                                ? found.ascii
                  : kind == Kind::hiragana || kind == Kind::katakana ? found.kana
                  : kind == Kind::half_kana                          ? found.half_kana
                  : kind == Kind::common || kind == Kind::level_1 || (c >= 0x4e00 && c <= 0x9fff)
                      ? found.kanji
                  : c == kReplacement ? found.replaced
                                      : found.other;
    ++count;
  }
  return found;
}

}  // namespace hikyaku::mime
