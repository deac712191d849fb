"""Where nkf, iconv, Python and encoding-japanese make something else of japanese_cases.py than we do, and why we don't."""

STRICT = "refuses all of the text for it: a reader of mail must show the rest"
MARK = "?, which could be the text's own: U+FFFD can't"
DROPS = "drops it in silence: we put U+FFFD, or ?, and tell"
ODD = "goes out of step, and makes wrong characters of what follows"
NEC = "has JIS X 0208 alone: mail is full of NEC's and IBM's characters under this label"
JIS_MAP = "JIS's own mapping (U+301C): we have Microsoft's for all labels, so that the same text is the same in each charset"
NO_LABEL = "does not know the label"
LITERAL = "leaves what is wrong as it is: we read what was meant, and name it"
TRUSTS = "trusts the label: the octets can't be that, or hardly"
NO_GUESS = "does not guess: we do, and tell how sure it is"
TWIN = "has one of the two characters alone: text of Macintoshes and of Windows has either"
NO_RETURN = "keeps the shift state over the line's end: each line begins in ASCII (RFC 1468)"
ROMAN = "U+00A5 and U+203E: the set is used as another name of ASCII in mail, and URLs and paths must stay"
NO_SET = "does not know this set"
WIDENS = "half-width kana become full-width in all charsets by default: we do so for ISO-2022-JP alone, which has none"
INJECTED = "a line end out of a word would make another header of it"

HEADERS = {
    "latin_1_in_q": {"nkf": "drops é, which its table has not"},
    "language": {"nkf email.header": "does not know RFC 2231's languages"},
    "shift_state_carried": {"nkf email.policy": "begins each word in ASCII, as RFC 2047 has it: here that makes rubbish"},
    "double_octet_cut": {"nkf email.policy": ODD},
    "no_return_before_ascii": {"email.header": "takes ASCII for kanji, as the word before did not return"},
    "half_width_kana": {"email.header email.policy": STRICT},
    "nec_characters": {"email.header email.policy": STRICT},
    "ibm_character": {"email.header email.policy": STRICT},
    "wave_dash": {"nkf email.header email.policy": JIS_MAP},
    "utf_8_character_split": {"nkf": ODD},
    "shift_jis_character_split": {"nkf": ODD, "email.policy": "decodes each word by itself"},
    "base64_without_padding": {"nkf": ODD},
    "base64_cut_anywhere": {"nkf": ODD, "email.header": STRICT, "email.policy": "decodes each word by itself"},
    "base64_padded_in_the_middle": {"email.header": STRICT, "email.policy": "stops at the padding"},
    "base64_with_a_foreign_octet": {"nkf": LITERAL},
    "q_with_spaces": {"nkf": "leaves the word's end as text"},
    "q_with_octets": {"nkf": "leaves the word's end as text", "email.header": "gives escapes of Python's for the octets"},
    "q_with_a_question_mark": {"nkf email.header email.policy": "ends the word at the question mark"},
    "end_missing": {"nkf email.header email.policy": LITERAL},
    "end_missing_before_text": {"nkf email.header email.policy": LITERAL},
    "folded_inside": {"nkf email.header": LITERAL},
    "word_touches_text": {"email.header": "puts blanks where there are none"},
    "unknown_label": {"nkf": LITERAL, "email.header": NO_LABEL},
    "labelled_jis_is_shift_jis": {"email.header": STRICT, "email.policy": TRUSTS},
    "labelled_jis_is_utf_8": {"nkf": TRUSTS, "email.header": STRICT},
    "labelled_ascii_is_jis": {"nkf": NO_LABEL, "email.header email.policy": TRUSTS},
    "labelled_latin_1_is_utf_8": {"nkf email.header email.policy": TRUSTS},
    "labelled_utf_8_is_shift_jis": {"email.header": STRICT, "email.policy": TRUSTS},
    "escapes_lost_in_a_word": {"nkf email.header email.policy": LITERAL},
    "raw_utf_8": {"email.header": NO_GUESS},
    "raw_shift_jis": {"email.header email.policy": NO_GUESS},
    "raw_euc_jp": {"email.header email.policy": NO_GUESS},
    "raw_jis": {"email.header email.policy": NO_GUESS},
    "raw_jis_with_escapes_lost": {"nkf email.header email.policy": LITERAL},
    "raw_half_width_kana": {"email.header email.policy": NO_GUESS},
    "line_end_out_of_a_word": {"nkf email.header email.policy": INJECTED},
    "word_in_quotes": {"email.header": "puts blanks where there are none"},
    "labelled_cp932": {"nkf": NO_LABEL},
    "labelled_shift_jis_with_nec": {"email.header": STRICT, "email.policy": NEC},
    "jis_x_0212": {"nkf": NO_LABEL},
}

OCTETS = {
    "kana_by_escape": {"iconv": NO_SET},
    "kana_by_shift_out": {"iconv python encoding-japanese": NO_SET},
    "kana_in_8_bits": {"nkf": "takes them for EUC-JP though it was told that it is JIS", "iconv python": STRICT, "encoding-japanese": "lone surrogates"},
    "roman": {"iconv python": ROMAN},
    "space_in_jis": {"python": STRICT, "encoding-japanese": ODD},
    "no_return_at_a_line_end": {"nkf encoding-japanese": NO_RETURN, "iconv python": STRICT},
    "eighth_bit_left_on": {"iconv python": STRICT, "encoding-japanese": MARK},
    "escapes_lost_around_kana": {"nkf iconv python encoding-japanese": LITERAL},
    "escapes_lost_around_kanji": {"nkf iconv python encoding-japanese": LITERAL},
    "half_a_character": {"nkf": DROPS, "iconv python": STRICT, "encoding-japanese": ODD},
    "empty_cell": {"nkf": "a machine's own row 9, which no mail has been seen to mean", "iconv python": STRICT, "encoding-japanese": MARK},
    "escape_of_a_terminal": {"nkf iconv python": "hands it on: a terminal would obey it", "encoding-japanese": DROPS},
    "user_defined_row": {"iconv python": STRICT, "encoding-japanese": MARK},
    "ibm_row": {"nkf": DROPS, "iconv python": STRICT, "encoding-japanese": MARK},
    "jis_1990_announced": {"iconv": "does not know the announcement of JIS X 0208-1990"},
    "four_octet_escape": {"iconv encoding-japanese": "does not know the escape's older form"},
    "jis_x_0212": {"iconv": "reads it under ISO-2022-JP-1 alone: it is found under ISO-2022-JP"},
    "jis_x_0213": {"nkf": "reads JIS X 0213 as JIS X 0208 unless told by an option", "iconv": "reads it under ISO-2022-JP-3 alone", "python": STRICT, "encoding-japanese": NO_SET},
    "chinese": {"nkf iconv encoding-japanese": "reads it under ISO-2022-JP-2 alone, or never", "python": STRICT},
    "latin_1_by_single_shift": {"nkf encoding-japanese": DROPS, "iconv": "reads it under ISO-2022-JP-2 alone", "python": STRICT},
    "shift_jis_user_defined": {"encoding-japanese": MARK},
    "shift_jis_lead_alone": {"nkf": DROPS, "iconv python": STRICT, "encoding-japanese": MARK},
    "shift_jis_lead_and_space": {"nkf": "drops the space too", "iconv python": STRICT, "encoding-japanese": "drops the space"},
    "shift_jis_empty_cell": {"nkf": "a machine's own row 9, which no mail has been seen to mean", "iconv python": STRICT, "encoding-japanese": "drops the letter behind"},
    "shift_jis_octets_of_nothing": {"nkf": DROPS, "iconv": STRICT, "python": "Microsoft's best fit, of which one is a control and one nobody's", "encoding-japanese": MARK},
    "euc_jp_nec_and_ibm": {"iconv python": NEC},
    "euc_jp_half_a_character": {"nkf": "drops the space too", "iconv python": STRICT, "encoding-japanese": "drops the space"},
    "euc_jp_empty_cell": {"nkf": "a machine's own row 9, which no mail has been seen to mean", "iconv python": STRICT, "encoding-japanese": MARK},
}

_TWO_FORMS = {"both_wave_dashes": "iconv python encoding-japanese", "both_minus_signs": "iconv python", "both_double_lines": "iconv python",
              "both_dashes": "iconv python encoding-japanese", "both_cents_pounds_and_nots": "iconv python encoding-japanese"}
YEN = "to the backslash and the tilde, or refused: their wide forms say what was meant"
TEXTS = {
    "half_width_kana in iso-2022-jp": {"iconv python": STRICT, "encoding-japanese": "ESC ( I, which ISO-2022-JP has not: ask for CP50221"},
    "nec_characters in iso-2022-jp": {"iconv python": NEC},
    "ibm_characters in iso-2022-jp": {"iconv python": NEC},
    **{f"{name} in iso-2022-jp": {who: TWIN} for name, who in _TWO_FORMS.items()},
    "narrow_yen_and_overline in iso-2022-jp": {"iconv python": "by JIS X 0201's Roman set, which we read as ASCII", "encoding-japanese": MARK},
    "jis_x_0212 in iso-2022-jp": {"nkf": DROPS, "iconv python": STRICT, "encoding-japanese": "ESC $ ( D, which ISO-2022-JP has not: ask for ISO-2022-JP-1"},
    "emoji in iso-2022-jp": {"nkf": DROPS, "iconv python": STRICT},
    "user_defined in iso-2022-jp": {"nkf": DROPS, "iconv python": STRICT},
    "half_width_kana in shift_jis": {"nkf": WIDENS},
    "ibm_characters in shift_jis": {"python encoding-japanese": "NEC's selection (rows 89 to 92): Microsoft writes IBM's own rows"},
    "both_wave_dashes in shift_jis": {"encoding-japanese": TWIN},
    "both_dashes in shift_jis": {"python encoding-japanese": TWIN},
    "both_cents_pounds_and_nots in shift_jis": {"encoding-japanese": TWIN},
    "narrow_yen_and_overline in shift_jis": {"iconv python": YEN, "encoding-japanese": MARK},
    "jis_x_0212 in shift_jis": {"nkf": DROPS, "iconv python": STRICT},
    "emoji in shift_jis": {"nkf": DROPS, "iconv python": STRICT},
    "user_defined in shift_jis": {"encoding-japanese": MARK},
    "half_width_kana in euc-jp": {"nkf": WIDENS},
    "nec_characters in euc-jp": {"iconv python": NEC},
    "ibm_characters in euc-jp": {"iconv python": NEC},
    **{f"{name} in euc-jp": {who: TWIN} for name, who in _TWO_FORMS.items()},
    "narrow_yen_and_overline in euc-jp": {"iconv python": YEN, "encoding-japanese": MARK},
    "jis_x_0212 in euc-jp": {"nkf": DROPS},
    "emoji in euc-jp": {"nkf": DROPS, "iconv python": STRICT},
    "user_defined in euc-jp": {"nkf": DROPS, "iconv python": STRICT},
}

# Short texts that we guess wrong: a run of half-width kana whose octets are kanji in EUC-JP, each of them common.
GUESSED_WRONG_BY_US = {"utf-8": [], "cp932": ["ｻﾄｳﾊﾅｺ"], "euc_jp": []}
# How many of the same texts a peer guesses wrong. All of them are half-width kana; nkf takes those of EUC-JP for Shift_JIS, and
# encoding-japanese takes those of Shift_JIS for EUC-JP.
GUESSES = {("nkf", "utf-8"): 0, ("nkf", "cp932"): 9, ("nkf", "euc_jp"): 26,
           ("encoding-japanese", "utf-8"): 0, ("encoding-japanese", "cp932"): 10, ("encoding-japanese", "euc_jp"): 0}
