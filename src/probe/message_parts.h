#pragma once
#include <string>
#include <vector>

#include "probe/message_draft.h"

namespace hikyaku::probe {

/// A body in MIME: the fields that its header needs, and its octets. Line ends are "\n".
struct MimeBody {
  std::vector<std::string> fields;  ///< "Content-Type: ...", and so on
  std::string text;
};

/// Bodies first, then attachments, as message_draft.h says. `boundary` is what DraftFacts has. Pure; O(size).
MimeBody multipart(const std::vector<DraftPart>& bodies, const std::vector<DraftPart>& attachments,
                   const std::string& boundary);

/// Text in UTF-8 that is not ASCII, for a message without parts.
MimeBody utf8_text(const std::string& text);

}  // namespace hikyaku::probe
