// The reference of the API: Swagger UI on our own document. Nothing is fetched from elsewhere.
document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("api-reference");
  if (!place || typeof SwaggerUIBundle === "undefined") return;
  SwaggerUIBundle({
    url: place.dataset.document,
    domNode: place,
    presets: [SwaggerUIBundle.presets.apis],
    deepLinking: true,
    docExpansion: "list",
    filter: true,
    persistAuthorization: false,
    validatorUrl: null,
    displayRequestDuration: true,
    tryItOutEnabled: false,
    // cookies of a signed-in person have no business in the API
    withCredentials: false,
    requestInterceptor: (request) => {
      request.credentials = "omit";
      return request;
    },
  });
});
