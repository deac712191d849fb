#include "mime/media_type.h"

#include <algorithm>
#include <array>
#include <string>

namespace hikyaku::mime {
namespace {

struct Entry {
  std::string_view extension, type;
};
/// The first extension of a type is the one for a part without a name.
constexpr std::array kTypes{
    Entry{".txt", "text/plain"},
    Entry{".log", "text/plain"},
    Entry{".md", "text/markdown"},
    Entry{".csv", "text/csv"},
    Entry{".html", "text/html"},
    Entry{".htm", "text/html"},
    Entry{".css", "text/css"},
    Entry{".ics", "text/calendar"},
    Entry{".vcf", "text/vcard"},
    Entry{".xml", "application/xml"},
    Entry{".json", "application/json"},
    Entry{".pdf", "application/pdf"},
    Entry{".zip", "application/zip"},
    Entry{".gz", "application/gzip"},
    Entry{".tgz", "application/gzip"},
    Entry{".tar", "application/x-tar"},
    Entry{".7z", "application/x-7z-compressed"},
    Entry{".lzh", "application/x-lzh-compressed"},
    Entry{".rtf", "application/rtf"},
    Entry{".doc", "application/msword"},
    Entry{".xls", "application/vnd.ms-excel"},
    Entry{".ppt", "application/vnd.ms-powerpoint"},
    Entry{".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    Entry{".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    Entry{".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    Entry{".odt", "application/vnd.oasis.opendocument.text"},
    Entry{".ods", "application/vnd.oasis.opendocument.spreadsheet"},
    Entry{".p7s", "application/pkcs7-signature"},
    Entry{".p7m", "application/pkcs7-mime"},
    Entry{".asc", "application/pgp-signature"},
    Entry{".png", "image/png"},
    Entry{".jpg", "image/jpeg"},
    Entry{".jpeg", "image/jpeg"},
    Entry{".gif", "image/gif"},
    Entry{".webp", "image/webp"},
    Entry{".svg", "image/svg+xml"},
    Entry{".bmp", "image/bmp"},
    Entry{".tif", "image/tiff"},
    Entry{".tiff", "image/tiff"},
    Entry{".heic", "image/heic"},
    Entry{".mp3", "audio/mpeg"},
    Entry{".wav", "audio/wav"},
    Entry{".m4a", "audio/mp4"},
    Entry{".mp4", "video/mp4"},
    Entry{".mov", "video/quicktime"},
    Entry{".webm", "video/webm"},
    Entry{".eml", "message/rfc822"}};

}  // namespace

std::string_view media_type_of(std::string_view file_name) {
  const auto dot = file_name.rfind('.');
  if (dot == std::string_view::npos) return "application/octet-stream";
  std::string extension(file_name.substr(dot));
  for (auto& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  for (const auto& entry : kTypes)
    if (entry.extension == extension) return entry.type;
  return "application/octet-stream";
}

std::string_view extension_of(std::string_view media_type) {
  for (const auto& entry : kTypes)
    if (entry.type == media_type) return entry.extension;
  return ".bin";
}

}  // namespace hikyaku::mime
