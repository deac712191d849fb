"""Japanese text as it is found in mail: header values, octets of charsets, and texts, with what we make of them."""
import base64


def word(label, octets):
    return b"=?" + label.encode() + b"?B?" + base64.b64encode(octets) + b"?="


TO_JIS, TO_ASCII = b"\x1b$B", b"\x1b(B"
NIHON = TO_JIS + b"F|K\\" + TO_ASCII

# name, value, text
HEADERS = [
    ("utf_8_in_b", word("utf-8", "日本語".encode()), "日本語"),
    ("latin_1_in_q", b"=?iso-8859-1?Q?caf=E9_au_lait?=", "café au lait"),
    ("iso_2022_jp", word("ISO-2022-JP", NIHON), "日本"),
    ("shift_jis", word("Shift_JIS", "表示".encode("cp932")), "表示"),
    ("euc_jp", word("EUC-JP", "表示".encode("euc_jp")), "表示"),
    ("two_words", word("utf-8", "日".encode()) + b" " + word("utf-8", "本".encode()), "日本"),
    ("two_words_on_two_lines", word("iso-2022-jp", NIHON) + b"\r\n " + word("iso-2022-jp", NIHON), "日本日本"),
    ("text_around_a_word", b"Re: " + word("utf-8", "日".encode()) + b" x", "Re: 日 x"),
    ("language", b"=?utf-8*ja?B?5pel?=", "日"),
    ("shift_state_carried", word("iso-2022-jp", TO_JIS + b"F|") + b" " + word("iso-2022-jp", b"K\\" + TO_ASCII), "日本"),
    ("double_octet_cut", word("iso-2022-jp", TO_JIS + b"F") + b" " + word("iso-2022-jp", b"|K\\" + TO_ASCII), "日本"),
    ("no_return_to_ascii", word("iso-2022-jp", TO_JIS + b"F|"), "日"),
    ("no_return_before_another_escape", word("iso-2022-jp", TO_JIS + b"F|") + b" " + word("iso-2022-jp", TO_JIS + b"K\\" + TO_ASCII), "日本"),
    ("no_return_before_ascii", word("iso-2022-jp", TO_JIS + b"F|") + b" " + word("iso-2022-jp", b"mail"), "日mail"),
    ("half_width_kana", word("iso-2022-jp", b"\x1b(I1=\x1b(B"), "ｱｽ"),
    ("nec_characters", word("iso-2022-jp", TO_JIS + b"-!-5" + TO_ASCII), "①Ⅰ"),
    ("ibm_character", word("iso-2022-jp", TO_JIS + b"|b" + TO_ASCII), "髙"),
    ("wave_dash", word("iso-2022-jp", TO_JIS + b"!A" + TO_ASCII), "～"),
    ("utf_8_character_split", word("utf-8", b"\xe6\x97") + b" " + word("utf-8", b"\xa5\xe6\x9c\xac"), "日本"),
    ("shift_jis_character_split", word("shift_jis", b"\x93\xfa\x96") + b" " + word("shift_jis", b"\x7b"), "日本"),
    ("base64_without_padding", b"=?utf-8?B?5pel5pysYQ?=", "日本a"),
    ("base64_cut_anywhere", b"=?utf-8?B?5pel5p?= =?utf-8?B?ys?=", "日本"),
    ("base64_padded_in_the_middle", b"=?utf-8?B?5pel5g==nKw=?=", "日本"),
    ("base64_with_a_foreign_octet", b"=?utf-8?B?5p*el?=", "日"),
    ("q_with_spaces", b"=?utf-8?Q?a b c?=", "a b c"),
    ("q_with_octets", b"=?utf-8?Q?\xe6\x97\xa5?=", "日"),
    ("q_with_a_question_mark", b"=?utf-8?Q?what?=20now?=", "what? now"),
    ("end_missing", b"=?utf-8?B?5pel5pys", "日本"),
    ("end_missing_before_text", b"=?utf-8?B?5pel5pys and", "日本 and"),
    ("folded_inside", b"=?utf-8?B?5pel\r\n 5pys?=", "日本"),
    ("word_touches_text", b"a=?utf-8?Q?b?=c", "abc"),
    ("words_touch", b"=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"),
    ("unknown_label", b"=?x-unknown?B?5pel5pys?=", "日本"),
    ("labelled_jis_is_shift_jis", word("iso-2022-jp", "日本語".encode("cp932")), "日本語"),
    ("labelled_jis_is_utf_8", word("iso-2022-jp", "日本語".encode()), "日本語"),
    ("labelled_ascii_is_jis", word("us-ascii", NIHON), "日本"),
    ("labelled_latin_1_is_utf_8", word("iso-8859-1", "日本".encode()), "日本"),
    ("labelled_utf_8_is_shift_jis", word("utf-8", "日本語".encode("cp932")), "日本語"),
    ("escapes_lost_in_a_word", word("iso-2022-jp", b"$B$\"$$(B"), "あい"),
    ("raw_utf_8", "日本語".encode(), "日本語"),
    ("raw_shift_jis", "テスト".encode("cp932"), "テスト"),
    ("raw_euc_jp", "テスト".encode("euc_jp"), "テスト"),
    ("raw_jis", NIHON, "日本"),
    ("raw_jis_with_escapes_lost", b"$B$\"$$(B", "あい"),
    ("raw_half_width_kana", "ﾃｽﾄ".encode("cp932"), "ﾃｽﾄ"),
    ("line_end_out_of_a_word", b"=?utf-8?Q?a=0D=0ABcc:_b?=", "a Bcc: b"),
    ("word_in_quotes", b"\"=?utf-8?B?5pel?=\"", "\"日\""),
    ("labelled_cp932", word("cp932", "①髙".encode("cp932")), "①髙"),
    ("labelled_shift_jis_with_nec", word("shift_jis", "①髙".encode("cp932")), "①髙"),
    ("jis_x_0212", word("iso-2022-jp-1", b"\x1b$(D0!\x1b(B"), "丂"),
]

# name, label, octets, text
OCTETS = [
    ("jis", "iso-2022-jp", NIHON, "日本"),
    ("jis_1978", "iso-2022-jp", b"\x1b$@F|\x1b(J", "日"),
    ("kana_by_escape", "iso-2022-jp", b"\x1b(I1=\x1b(B", "ｱｽ"),
    ("kana_by_shift_out", "iso-2022-jp", b"\x0e1=\x0f", "ｱｽ"),
    ("kana_in_8_bits", "iso-2022-jp", b"\xb1\xbd\xb2", "ｱｽｲ"),
    ("roman", "iso-2022-jp", b"\x1b(J\\~\x1b(B", "\\~"),
    ("space_in_jis", "iso-2022-jp", b"\x1b$BF| K\\\x1b(B", "日 本"),
    ("no_return", "iso-2022-jp", b"\x1b$BF|", "日"),
    ("no_return_at_a_line_end", "iso-2022-jp", b"\x1b$BF|\nabc", "日\nabc"),
    ("eighth_bit_left_on", "iso-2022-jp", b"\x1b$B\xc6\xfc\x1b(B", "日"),
    ("escapes_lost_around_kana", "iso-2022-jp", b"$B$\"$$(B", "あい"),
    ("escapes_lost_around_kanji", "iso-2022-jp", b"$B2q5D(J", "会議"),
    ("half_a_character", "iso-2022-jp", b"\x1b$BF|K\x1b(B.", "日\ufffd."),
    ("empty_cell", "iso-2022-jp", b"\x1b$B)!\x1b(B", "\ufffd"),
    ("escape_of_a_terminal", "iso-2022-jp", b"a\x1b[1mb", "a\ufffd[1mb"),
    ("user_defined_row", "cp50220", b"\x1b$B\x7f\x21\x1b(B", "\ue000"),
    ("ibm_row", "cp50220", b"\x1b$B\x93\x21\x1b(B", "ⅰ"),
    ("jis_1990_announced", "iso-2022-jp", b"\x1b&@\x1b$BF|\x1b(B", "日"),
    ("four_octet_escape", "iso-2022-jp", b"\x1b$(BF|\x1b(B", "日"),
    ("jis_x_0212", "iso-2022-jp", b"\x1b$(D0!\x1b(B", "丂"),
    ("jis_x_0213", "iso-2022-jp", b"\x1b$(Q.!\x1b(B", "俱"),
    ("chinese", "iso-2022-jp", b"\x1b$A0!\x1b(B", "啊"),
    ("latin_1_by_single_shift", "iso-2022-jp", b"\x1b.A\x1bNi", "é"),
    ("shift_jis", "shift_jis", "表示ｱ\\".encode("cp932"), "表示ｱ\\"),
    ("shift_jis_nec_and_ibm", "shift_jis", "①髙".encode("cp932"), "①髙"),
    ("shift_jis_user_defined", "shift_jis", b"\xf0\x40", "\ue000"),
    ("shift_jis_lead_alone", "shift_jis", b"\x93", "\ufffd"),
    ("shift_jis_lead_and_space", "shift_jis", b"\x93 z", "\ufffd z"),
    ("shift_jis_empty_cell", "shift_jis", b"\x85Az", "\ufffdAz"),
    ("shift_jis_octets_of_nothing", "shift_jis", b"\x80\xa0", "\ufffd\ufffd"),
    ("euc_jp", "euc-jp", "表示ｱ\\".encode("euc_jp"), "表示ｱ\\"),
    ("euc_jp_nec_and_ibm", "euc-jp", b"\xad\xa1\xfc\xe2", "①髙"),
    ("euc_jp_jis_x_0212", "euc-jp", b"\x8f\xb0\xa1", "丂"),
    ("euc_jp_half_a_character", "euc-jp", b"\xc6 a", "\ufffd a"),
    ("euc_jp_empty_cell", "euc-jp", b"\xa9\xa1z", "\ufffdz"),
]

# name, text, what it is in iso-2022-jp, shift_jis, euc-jp
TEXTS = [
    ("kanji_and_ascii", "日本語ABC", b"\x1b$BF|K\\8l\x1b(BABC", b"\x93\xfa\x96{\x8c\xeaABC", b"\xc6\xfc\xcb\xdc\xb8\xecABC"),
    ("half_width_kana", "ｱｶﾞﾊﾟ", b"\x1b$B%\"%,%Q\x1b(B", b"\xb1\xb6\xde\xca\xdf", b"\x8e\xb1\x8e\xb6\x8e\xde\x8e\xca\x8e\xdf"),
    ("nec_characters", "①Ⅰ㈱", b"\x1b$B-!-5-j\x1b(B", b"\x87@\x87T\x87\x8a", b"\xad\xa1\xad\xb5\xad\xea"),
    ("ibm_characters", "髙﨑", b"\x1b$B|byu\x1b(B", b"\xfb\xfc\xfa\xb1", b"\xfc\xe2\xf9\xf5"),
    ("both_wave_dashes", "～〜", b"\x1b$B!A!A\x1b(B", b"\x81`\x81`", b"\xa1\xc1\xa1\xc1"),
    ("both_minus_signs", "－−", b"\x1b$B!]!]\x1b(B", b"\x81|\x81|", b"\xa1\xdd\xa1\xdd"),
    ("both_double_lines", "∥‖", b"\x1b$B!B!B\x1b(B", b"\x81a\x81a", b"\xa1\xc2\xa1\xc2"),
    ("both_dashes", "―—", b"\x1b$B!=!=\x1b(B", b"\x81\\\x81\\", b"\xa1\xbd\xa1\xbd"),
    ("both_cents_pounds_and_nots", "￠¢￡£￢¬", b"\x1b$B!q!q!r!r\"L\"L\x1b(B", b"\x81\x91\x81\x91\x81\x92\x81\x92\x81\xca\x81\xca",
     b"\xa1\xf1\xa1\xf1\xa1\xf2\xa1\xf2\xa2\xcc\xa2\xcc"),
    ("narrow_yen_and_overline", "¥‾", b"\x1b$B!o!1\x1b(B", b"\x81\x8f\x81P", b"\xa1\xef\xa1\xb1"),
    ("backslash_and_tilde", "表示\\~", b"\x1b$BI=<(\x1b(B\\~", b"\x95\\\x8e\xa6\\~", b"\xc9\xbd\xbc\xa8\\~"),
    ("jis_x_0212", "丂", b"?", b"?", b"\x8f\xb0\xa1"),
    ("emoji", "😀", b"?", b"?", b"?"),
    ("user_defined", "\ue000", b"?", b"\xf0@", b"?"),
]

# Short texts of mail, each of which is to be guessed in UTF-8, Shift_JIS and EUC-JP.
GUESSED = """会議 資料 日本語 件名 請求書 担当様 ご確認ください お世話になっております 【重要】お知らせ テスト メール 添付ファイル 山田太郎 佐藤 株式会社サンプル
新しい文書.docx 御見積書 納品のお知らせ 株式会社 高橋 各位様 新年会の出欠について 申請書 領収書 契約書（案） 仕様書 議題 一覧 休暇届 健康診断 忘年会 打合せ 進捗 納期
在庫確認 卒業式 入学 研究室 論文 査読 成績 東京都千代田区 １２月３日 ＡＢＣ ありがとう さくら 明日の予定 振込のご案内 緊急連絡 出張報告 議事録 こんにちは 了解 質問 御中 写真
ﾃｽﾄ ｱｲｳｴｵ ﾔﾏﾀﾞﾀﾛｳ ｶﾌﾞｼｷｶﾞｲｼｬ ﾒｰﾙﾃｽﾄ ﾃﾞｰﾀﾌｧｲﾙ ﾆﾎﾝ ｺﾝﾋﾟｭｰﾀ ﾌﾘｺﾐｶｸﾆﾝ ｻﾄｳﾊﾅｺ ﾊﾞｯｸｱｯﾌﾟ ｼｽﾃﾑ ﾌﾟﾛｸﾞﾗﾑの件 ﾒｰﾙの設定 ｵｵｻｶﾊﾅｺ ﾆｭｳｷﾝ ｷﾞﾝｺｳﾌﾘｺﾐ ﾃﾞﾝﾜﾊﾞﾝｺﾞｳ ﾄｳｷｮｳ ﾐﾂﾋﾞｼ
ﾎﾝｼﾞﾂﾉﾖﾃｲ ﾊﾟｽﾜｰﾄﾞ ﾛｸﾞｲﾝ ﾘｽﾄ ﾌｧｸｽ ﾐｰﾃｨﾝｸﾞ ﾌﾟﾚｾﾞﾝ ﾚﾎﾟｰﾄ""".split()
