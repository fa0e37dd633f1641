"""The messages the Gemini API takes, as tables. After the types of the official SDK (google-genai 3.4.0, 2026-11-22)."""

from typing import Any

from polyglot_cloud.sandbox.gemini.proto import ANY, STRUCT, Enum, Table

_RESOLUTION = Enum(
    "MediaResolution",
    tuple(f"MEDIA_RESOLUTION_{word}" for word in ("UNSPECIFIED", "LOW", "MEDIUM", "HIGH", "ULTRA_HIGH")),
)
_MODALITY = Enum("Modality", ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO", "VIDEO"))
_TYPE = Enum(
    "Type", ("TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"), loose=True
)
LEVEL = Enum(
    "ThinkingConfig.ThinkingLevel",
    ("THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"),
    loose=True,
)
_MODE = Enum("FunctionCallingConfig.Mode", ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"), loose=True)
_CATEGORY = Enum(
    "HarmCategory",
    tuple(
        f"HARM_CATEGORY_{word}"
        for word in (
            "UNSPECIFIED", "HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY", "JAILBREAK",
            "IMAGE_HATE", "IMAGE_DANGEROUS_CONTENT", "IMAGE_HARASSMENT", "IMAGE_SEXUALLY_EXPLICIT",
        )
    ),
)  # fmt: skip
_THRESHOLD = Enum(
    "SafetySetting.HarmBlockThreshold",
    (
        "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
        "BLOCK_LOW_AND_ABOVE",
        "BLOCK_MEDIUM_AND_ABOVE",
        "BLOCK_ONLY_HIGH",
        "BLOCK_NONE",
        "OFF",
    ),
)

SCHEMA = Table("Schema")
_SCHEMAS = Table("Schema.PropertiesEntry", map_of=SCHEMA)
SCHEMA.fields.update(
    {
        "type": _TYPE, "format": "string", "title": "string", "description": "string", "nullable": "bool",
        "enum": ["string"], "items": SCHEMA,
        "minItems": "int64", "maxItems": "int64", "properties": _SCHEMAS, "required": ["string"], "propertyOrdering": ["string"],
        "anyOf": [SCHEMA], "minimum": "float", "maximum": "float", "minLength": "int64", "maxLength": "int64", "pattern": "string",
        "minProperties": "int64", "maxProperties": "int64", "default": ANY, "example": ANY,
    }
)  # fmt: skip

_BLOB = Table("Blob", {"mimeType": "string", "data": "bytes", "displayName": "string"})
_FILE = Table("FileData", {"mimeType": "string", "fileUri": "string", "displayName": "string"})
_CALL = Table("FunctionCall", {"id": "string", "name": "string", "args": STRUCT})
_RESPONSE = Table(
    "FunctionResponse",
    {
        "id": "string",
        "name": "string",
        "response": STRUCT,
        "parts": [ANY],
        "willContinue": "bool",
        "scheduling": "string",
    },
)
DATA = (
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult",
    "toolCall", "toolResponse",
    "audioTranscription",
)  # fmt: skip
_PART = Table(
    "Part",
    {
        "text": "string", "inlineData": _BLOB, "fileData": _FILE, "functionCall": _CALL, "functionResponse": _RESPONSE,
        "executableCode": ANY,
        "codeExecutionResult": ANY, "toolCall": ANY, "toolResponse": ANY, "audioTranscription": ANY, "thought": "bool",
        "thoughtSignature": "bytes", "mediaResolution": Table("PartMediaResolution", {"level": _RESOLUTION, "numTokens": "int32"}),
        "videoMetadata": ANY, "partMetadata": STRUCT, "mediaProcessing": "string", "speechMetadata": ANY, "documentMetadata": ANY,
        "spreadsheetMetadata": ANY, "audioMetadata": ANY,
    },
    oneof=DATA,
)  # fmt: skip
CONTENT = Table("Content", {"parts": [_PART], "role": "string"})
_DECLARATION = Table(
    "FunctionDeclaration",
    {
        "name": "string", "description": "string", "parameters": SCHEMA, "parametersJsonSchema": ANY, "response": SCHEMA,
        "responseJsonSchema": ANY, "behavior": "string",
    },
)  # fmt: skip
_TOOL = Table(
    "Tool",
    {
        "functionDeclarations": [_DECLARATION], "googleSearch": ANY, "codeExecution": ANY, "urlContext": ANY, "googleSearchRetrieval": ANY,
        "googleMaps": ANY, "computerUse": ANY, "fileSearch": ANY, "mcpServers": [ANY],
    },
)  # fmt: skip
_CALLING = Table("FunctionCallingConfig", {"mode": _MODE, "allowedFunctionNames": ["string"]})
_TOOL_CONFIG = Table(
    "ToolConfig",
    {"functionCallingConfig": _CALLING, "retrievalConfig": ANY, "includeServerSideToolInvocations": "bool"},
)
_THINKING = Table("ThinkingConfig", {"includeThoughts": "bool", "thinkingBudget": "int32", "thinkingLevel": LEVEL})
_GENERATION = Table(
    "GenerationConfig",
    {
        "candidateCount": "int32", "stopSequences": ["string"], "maxOutputTokens": "int32", "temperature": "float",
        "topP": "float", "topK": "float",
        "seed": "int32", "responseMimeType": "string", "responseSchema": SCHEMA, "responseJsonSchema": ANY, "presencePenalty": "float",
        "frequencyPenalty": "float", "responseLogprobs": "bool", "logprobs": "int32", "responseModalities": [_MODALITY],
        "speechConfig": ANY,
        "thinkingConfig": _THINKING, "mediaResolution": _RESOLUTION, "enableEnhancedCivicAnswers": "bool", "audioTranscriptionConfig": ANY,
        "imageConfig": ANY,
    },
)  # fmt: skip
_SAFETY = Table("SafetySetting", {"category": _CATEGORY, "threshold": _THRESHOLD})
_FIELDS: dict[str, Any] = {
    "model": "string", "contents": [CONTENT], "systemInstruction": CONTENT, "tools": [_TOOL], "toolConfig": _TOOL_CONFIG,
    "safetySettings": [_SAFETY], "generationConfig": _GENERATION, "cachedContent": "string",
    "serviceTier": Enum("ServiceTier", ("UNSPECIFIED", "FLEX", "STANDARD", "PRIORITY"), loose=True), "store": "bool",
    "labels": Table("LabelsEntry", map_of="string"), "continuationToken": "string",
}  # fmt: skip
GENERATE = Table("GenerateContentRequest", _FIELDS)
COUNT = Table("CountTokensRequest", {"model": "string", "contents": [CONTENT], "generateContentRequest": GENERATE})
_TASK = Enum(
    "TaskType",
    (
        "TASK_TYPE_UNSPECIFIED", "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING",
        "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY",
    ),
)  # fmt: skip
EMBED = Table(
    "EmbedContentRequest",
    {
        "model": "string", "content": CONTENT, "taskType": _TASK, "title": "string", "outputDimensionality": "int32",
        "autoTruncate": "bool",
        "embedContentConfig": ANY,
    },
)  # fmt: skip
BATCH = Table("BatchEmbedContentsRequest", {"model": "string", "requests": [EMBED]})
