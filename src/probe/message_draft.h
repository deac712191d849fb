#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hikyaku::probe {

/// What stands for swaks' tokens, and what is unique to one message.
struct DraftFacts {
  std::string from, to;    ///< %FROM_ADDRESS%, %TO_ADDRESS%: as they were given
  std::string date;        ///< %DATE%: RFC 5322 s. 3.3
  std::string message_id;  ///< %MESSAGEID%, without the angle brackets
  std::string version;     ///< %SWAKS_VERSION%: of the swaks whose options these are
  std::string boundary;  ///< what makes the boundaries of this message unlike any other text: letters, digits
};

/// One part of a multipart message.
struct DraftPart {
  std::string type;  ///< "image/png"; empty: text/plain of a body, application/octet-stream of another part
  std::string name;  ///< for the file name; empty: none. UTF-8
  std::string content;  ///< any octets
};

/// The options that a message is put together from, with swaks' meaning.
struct MessageDraft {
  std::string data;                           ///< with tokens; empty: the usual one
  std::string body;                           ///< empty: "This is a test mailing"
  std::vector<DraftPart> bodies;              ///< --attach-body; more than one become multipart/alternative
  std::vector<DraftPart> attachments;         ///< --attach
  std::vector<std::string> added_headers;     ///< --add-header
  std::vector<std::string> replaced_headers;  ///< --header: "Subject: x", in the place of one that is there
  bool fixup = true;                          ///< unless --no-data-fixup: `data` as it is
  bool strip_from_line = true;                ///< a first line "From ..." of a mailbox file goes
};

/// The content of DATA as it goes over the wire: lines with CRLF, dots doubled, the lone dot at the end; with
/// `fixup` off the data as it is and CRLF, which may well not end it.
///
/// "\n" (a backslash and an n) and %NEWLINE% become line ends, also in a body. With attachments the message
/// is multipart/mixed, with more than one body and no attachment multipart/alternative; parts but a body of
/// text/plain are base64 (RFC 2045 s. 6.8). What is not ASCII is marked: values of headers that were asked
/// for become encoded words (RFC 2047), a file name gets RFC 2231's form, a body charset=utf-8 and base64;
/// only `data` of the caller's own stays as it is. Octets that are no UTF-8 are never marked. Pure; O(size).
std::string drafted(const MessageDraft& draft, const DraftFacts& facts);

/// The same as a person reads it (--dump-mail): line ends "\n", dots not doubled, without the lone dot.
std::string drafted_text(const MessageDraft& draft, const DraftFacts& facts);

}  // namespace hikyaku::probe
